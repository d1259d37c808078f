package conformance

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonVersion is that of the schema. A field that is added does not change it;
// one that goes, or means something else, does.
const jsonVersion = 1

// WriteJSON writes reports as one JSON object, with each result in a line. Its member version is 1, and
// reports is an array of
//
//	target    what was tested: a URL or a command
//	actor     "server" or "client"
//	driver    which way of driving the target, if it has several
//	mode      "strict" or "interop"
//	started   RFC 3339
//	took_ms   a number of milliseconds, with a fraction, like every member that ends in _ms
//	ok        nothing failed, and something passed
//	counts    passed, failed, skipped, remarked; the last have passed
//	groups    id, section, title, counts
//	outside   requirements that no case can show: item, section, level, rule, why
//	results   in the order of the cases
//
// A result has
//
//	case      its ID, such as "WS-5.4-05/2"
//	name      of the case
//	group     the ID of its group
//	item      the ID of the requirement
//	section   of the standard
//	level     "MUST", "SHOULD" or "hardening"
//	rule      the requirement in words
//	needs     what the end under test has to offer, an array
//	with      settings that it is asked for: name, value
//	offer     the extensions that the handshake offers, and answer, those of the answer
//	file      that the case stands in, and line, the number of its first line
//	steps     the case's lines: line, text, edits
//	verdict   "pass", "fail" or "skip"
//	reason    why it failed or was skipped
//	failed_at the number of the line at which it failed
//	remark    what was tolerated
//	took_ms   how long it took
//	exchange  what went over the wire
//
// and an event of the exchange
//
//	at_ms     since the case began
//	conn      which of its connections, from 0
//	from      "suite", "server" or "client"
//	kind      "octets", "end" (FIN), "reset" (RST), "opened" (TCP), or "note"
//	octets    hexadecimal digits: at most the first 512 octets
//	total     how many octets they stand for
//	what      in words
//
// An empty driver or outside is absent, and of a result or an event whatever is
// empty or would be line, octet or total 0. Controls and characters that reorder
// text are escaped, so that the document can be shown in a terminal; what is not
// UTF-8 is U+FFFD in texts, and itself in octets.
func WriteJSON(w io.Writer, reports []*Report) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "{\"version\":%d,\"reports\":[", jsonVersion)
	for i, r := range reports {
		if i > 0 {
			fmt.Fprint(b, ",")
		}
		if err := writeJSONReport(b, newJSONReport(r)); err != nil {
			return fmt.Errorf("conformance: write the report: %w", err)
		}
	}
	fmt.Fprint(b, "\n]}\n")
	return b.Flush()
}

// writeJSONReport writes a report with each result in a line of its own.
func writeJSONReport(b *bufio.Writer, r *jsonReport) error {
	head := *r
	head.Results = nil
	if err := writeJSONLine(b, head, `"results":null}`); err != nil {
		return err
	}
	fmt.Fprint(b, `"results":[`)
	for i := range r.Results {
		if i > 0 {
			fmt.Fprint(b, ",")
		}
		if err := writeJSONLine(b, &r.Results[i], ""); err != nil {
			return err
		}
	}
	_, err := b.WriteString("\n]}")
	return err
}

// writeJSONLine writes v, without its end, in a new line.
func writeJSONLine(b *bufio.Writer, v any, end string) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	fmt.Fprint(b, "\n")
	_, err := b.Write(escapeControls(bytes.TrimSuffix(line.Bytes(), []byte(end+"\n"))))
	return err
}

// jsonDocument is the whole, as it is read.
type jsonDocument struct {
	Version int           `json:"version"`
	Reports []*jsonReport `json:"reports"`
}

type jsonReport struct {
	Target  string        `json:"target"`
	Actor   string        `json:"actor"`
	Driver  string        `json:"driver,omitempty"`
	Mode    string        `json:"mode"`
	Started time.Time     `json:"started"`
	TookMS  float64       `json:"took_ms"`
	OK      bool          `json:"ok"`
	Counts  jsonCounts    `json:"counts"`
	Groups  []jsonGroup   `json:"groups"`
	Outside []jsonOutside `json:"outside,omitempty"`
	Results []jsonResult  `json:"results"`
}

type jsonCounts struct {
	Passed   int `json:"passed"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"`
	Remarked int `json:"remarked"`
}

type jsonGroup struct {
	ID      string     `json:"id"`
	Section string     `json:"section"`
	Title   string     `json:"title"`
	Counts  jsonCounts `json:"counts"`
}

type jsonOutside struct {
	Item    string `json:"item"`
	Section string `json:"section"`
	Level   string `json:"level"`
	Rule    string `json:"rule"`
	Why     string `json:"why"`
}

type jsonResult struct {
	Case     string      `json:"case"`
	Name     string      `json:"name"`
	Group    string      `json:"group"`
	Item     string      `json:"item"`
	Section  string      `json:"section"`
	Level    string      `json:"level"`
	Rule     string      `json:"rule"`
	Needs    []string    `json:"needs,omitempty"`
	With     []jsonKnob  `json:"with,omitempty"`
	Offer    string      `json:"offer,omitempty"`
	Answer   string      `json:"answer,omitempty"`
	File     string      `json:"file,omitempty"`
	Line     int         `json:"line,omitempty"`
	Steps    []jsonStep  `json:"steps,omitempty"`
	Verdict  string      `json:"verdict"`
	Reason   string      `json:"reason,omitempty"`
	FailedAt int         `json:"failed_at,omitempty"`
	Remark   string      `json:"remark,omitempty"`
	TookMS   float64     `json:"took_ms"`
	Exchange []jsonEvent `json:"exchange,omitempty"`
}

type jsonKnob struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type jsonStep struct {
	Line  int      `json:"line"`
	Text  string   `json:"text"`
	Edits []string `json:"edits,omitempty"`
}

type jsonEvent struct {
	AtMS   float64 `json:"at_ms"`
	Conn   int     `json:"conn"`
	From   string  `json:"from"`
	Kind   string  `json:"kind"`
	Octets string  `json:"octets,omitempty"`
	Total  int     `json:"total,omitempty"`
	What   string  `json:"what,omitempty"`
}

func newJSONReport(r *Report) *jsonReport {
	c := r.Counts()
	doc := &jsonReport{
		Target: r.Target, Actor: r.Actor.String(), Driver: r.Driver, Mode: r.mode(), Started: r.Started.UTC(), TookMS: inMillis(r.Took), OK: r.OK(),
		Counts: jsonCounts(c), Groups: []jsonGroup{}, Results: make([]jsonResult, len(r.Results)),
	}
	for _, s := range r.sections() {
		doc.Groups = append(doc.Groups, jsonGroup{s.Group.ID, s.Group.Section, s.Group.Title, jsonCounts(s.Counts)})
		for _, item := range s.outside {
			doc.Outside = append(doc.Outside, jsonOutside{item.ID, item.Section, item.Level.String(), item.Rule, item.Outside})
		}
	}
	for i := range r.Results {
		doc.Results[i] = newJSONResult(&r.Results[i])
	}
	return doc
}

func newJSONResult(r *Result) jsonResult {
	c := r.Case
	doc := jsonResult{
		Case: c.ID, Name: c.Name, Group: c.Item.Group.ID, Item: c.Item.ID, Section: c.Item.Section, Level: c.Level.String(), Rule: c.Item.Rule,
		Needs: c.Needs, Offer: c.offer, Answer: c.answer, File: c.File, Line: c.Line,
		Verdict: r.Verdict.String(), Reason: r.Reason, FailedAt: r.Line, Remark: r.Remark, TookMS: inMillis(r.Took),
	}
	for _, k := range c.Knobs {
		doc.With = append(doc.With, jsonKnob(k))
	}
	for _, s := range c.Steps {
		doc.Steps = append(doc.Steps, jsonStep(s))
	}
	for i := range r.Exchange {
		e := &r.Exchange[i]
		doc.Exchange = append(doc.Exchange, jsonEvent{
			AtMS: inMillis(e.At), Conn: e.Conn, From: e.from(r.Actor), Kind: e.Kind.String(),
			Octets: hex.EncodeToString(e.Octets), Total: e.total(), What: e.What,
		})
	}
	return doc
}

// inMillis is a duration in milliseconds, exact to a microsecond.
func inMillis(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// escapeControls escapes what controls a terminal in an encoded value, where such
// characters can only be inside strings.
// U+FFFD is written as encoding/json writes it in place of what is not UTF-8.
func escapeControls(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for i, size := 0, 0; i < len(doc); i += size {
		var r rune
		r, size = utf8.DecodeRune(doc[i:])
		switch {
		case unicode.IsGraphic(r) && r != utf8.RuneError:
			out = append(out, doc[i:i+size]...)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
