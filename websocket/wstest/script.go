package wstest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// Script is one conversation. The package documentation has the language.
type Script struct {
	Name      string
	Line      int   // where it begins in the text
	Client    bool  // the end under test is the client
	ReadLimit int64 // the largest message that it takes; 0: its default
	Deflate   bool  // permessage-deflate was agreed on, without parameters
	MaxRatio  int   // how many octets a compressed one may inflate to; 0: its default
	Steps     []Step
}

// Step is one line of a script.
type Step struct {
	Verb   string // recv, message, ping, pong, close, fail, fin or lost
	Line   int
	Octets []byte                // recv
	Type   websocket.MessageType // message
	Data   []byte                // message, ping, pong: the payload; close: the reason
	Code   websocket.CloseCode   // close, fail
	At     int                   // fail: how many octets of all that was received are enough; 0: not said
}

// ParseScripts reads the scripts in text.
func ParseScripts(text string) ([]Script, error) {
	var list []Script
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if end, name, ok := strings.Cut(line, ":"); ok && (end == "server" || end == "client") {
			list = append(list, Script{Name: strings.TrimSpace(name), Line: n, Client: end == "client"})
			continue
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("wstest: line %d: a script begins with server: or client: and its name", n)
		}
		if err := list[len(list)-1].add(line, n); err != nil {
			return nil, fmt.Errorf("wstest: line %d: %w", n, err)
		}
	}
	return list, nil
}

// ReadScripts reads the scripts in a file.
func ReadScripts(tb testing.TB, file string) []Script {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	list, err := ParseScripts(string(b))
	if err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	return list
}

func (s *Script) add(line string, n int) (err error) {
	verb, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	step := Step{Verb: verb, Line: n}
	switch verb {
	case "deflate":
		s.Deflate = true
		return nil
	case "limit":
		s.ReadLimit, err = strconv.ParseInt(rest, 10, 64)
		return err
	case "ratio":
		s.MaxRatio, err = strconv.Atoi(rest)
		return err
	case "recv":
		step.Octets, err = parseOctets(rest)
	case "message":
		typ, data, _ := strings.Cut(rest, " ")
		switch typ {
		case "text":
			step.Type = websocket.Text
		case "binary":
			step.Type = websocket.Binary
		default:
			return fmt.Errorf("a message is text or binary, not %q", typ)
		}
		step.Data, err = parseData(data)
	case "ping", "pong":
		step.Data, err = parseData(rest)
	case "close":
		err = step.parseClose(rest)
	case "fail":
		err = step.parseFail(rest)
	case "fin", "lost":
		if rest != "" {
			err = fmt.Errorf("%s stands alone", verb)
		}
	default:
		err = fmt.Errorf("there is no step %q", verb)
	}
	s.Steps = append(s.Steps, step)
	return err
}

// parseData reads a Go string or octets in hexadecimal.
func parseData(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, `"`) {
		return parseOctets(s)
	}
	text, err := strconv.Unquote(s)
	if err != nil {
		return nil, fmt.Errorf("not a string as in Go: %s", s)
	}
	return []byte(text), nil
}

func (s *Step) parseClose(rest string) (err error) {
	if rest == "" {
		s.Code = websocket.CloseNoStatus
		return nil
	}
	code, reason, _ := strings.Cut(rest, " ")
	if s.Code, err = parseCode(code); err == nil {
		s.Data, err = parseData(reason)
	}
	return err
}

func (s *Step) parseFail(rest string) (err error) {
	code, at, found := strings.Cut(rest, " at ")
	if s.Code, err = parseCode(code); err == nil && found {
		s.At, err = strconv.Atoi(at)
	}
	return err
}

func parseCode(s string) (websocket.CloseCode, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no close code", s)
	}
	return websocket.CloseCode(n), nil
}

// Input returns all that the end under test receives.
func (s *Script) Input() []byte {
	var b []byte
	for _, step := range s.Steps {
		b = append(b, step.Octets...)
	}
	return b
}

// Shortest returns the script with nothing received that its failure does not
// need; ok is false when it has none that says so.
func (s *Script) Shortest() (_ Script, ok bool) {
	short := *s
	short.Steps = nil
	if len(s.Steps) == 0 || s.Steps[len(s.Steps)-1].At == 0 {
		return short, false
	}
	left := s.Steps[len(s.Steps)-1].At
	for _, step := range s.Steps {
		if step.Verb == "recv" {
			step.Octets = step.Octets[:min(left, len(step.Octets))]
			left -= len(step.Octets)
		}
		short.Steps = append(short.Steps, step)
	}
	return short, true
}

// Play plays the part of the peer: it sends what the script has the end under
// test receive, in one write a line or for a positive cut in writes of so many
// octets, and waits for what it should answer. That end is taken to send every
// message back. Messages and Pongs between two recv lines may come in either
// order among each other.
func (p *Peer) Play(s *Script, cut int) {
	p.tb.Helper()
	if s.Client == p.client {
		p.fatalf("%q is for the other end", s.Name)
	}
	defer func() { p.where = "" }()
	for i := 0; i < len(s.Steps); {
		step := s.Steps[i]
		p.where = fmt.Sprintf("script %q, line %d: ", s.Name, step.Line)
		switch step.Verb {
		case "recv":
			piece := cut
			if piece <= 0 {
				piece = len(step.Octets)
			}
			p.CutBytes(piece, step.Octets)
			i++
		case "fin":
			p.CloseWrite()
			i++
		case "pong":
			i++
		case "message", "ping":
			n := i
			for n < len(s.Steps) && (s.Steps[n].Verb == "message" || s.Steps[n].Verb == "ping" || s.Steps[n].Verb == "pong") {
				n++
			}
			p.expectEchoes(s.Steps[i:n])
			i = n
		case "close":
			code := step.Code
			if p.client && code == websocket.CloseMandatoryExtension {
				code = websocket.CloseNormal // no server may send 1010 (RFC 6455 §7.4.1)
			}
			p.ExpectClose(code)
			if !p.client && s.Steps[i-1].Verb != "fin" { // a client leaves the end of TCP to its server
				p.CloseWrite()
			}
			p.ExpectEnd()
			i++
		case "fail":
			p.ExpectClose(step.Code)
			p.ExpectEnd()
			i++
		case "lost":
			p.ExpectGone()
			i++
		}
	}
}

// expectEchoes waits for what answers steps, messages and Pings.
func (p *Peer) expectEchoes(steps []Step) {
	p.tb.Helper()
	waiting := map[string][]Step{}
	left := 0
	for _, step := range steps {
		if step.Verb != "pong" {
			waiting[step.Verb] = append(waiting[step.Verb], step)
			left++
		}
	}
	take := func(verb string, got []byte, typ websocket.MessageType) {
		p.tb.Helper()
		if len(waiting[verb]) == 0 {
			p.fatalf("an answer too many, to %s %s", verb, short(got))
		}
		want := waiting[verb][0]
		waiting[verb] = waiting[verb][1:]
		if string(got) != string(want.Data) || typ != want.Type {
			p.fatalf("line %d: got %s, want %s", want.Line, short(got), short(want.Data))
		}
		left--
	}
	var typ websocket.MessageType
	for left > 0 || typ != 0 {
		f := p.Frame()
		switch {
		case f.Opcode == opPong:
			take("ping", f.Payload, 0)
			continue
		case f.Opcode >= opClose:
			p.fatalf("got %s instead of an answer", describe(f))
		case f.Opcode != opContinuation:
			typ = websocket.MessageType(f.Opcode)
		}
		if f.Fin {
			take("message", p.in.message, typ)
			typ = 0
		}
	}
}
