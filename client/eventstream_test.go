package client

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// readEvents gives the events of a stream as a person reads them.
func readEvents(r io.Reader, limit int) (string, *eventReader, error) {
	er := newEventReader(r, limit)
	var got []string
	for {
		e, err := er.next()
		if err != nil {
			return strings.Join(got, " "), er, err
		}
		got = append(got, fmt.Sprintf("%s/%q/%s", e.name, e.data, e.id))
	}
}

// The vectors are named by the sections of WHATWG HTML.
func TestEventStream(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"9.2.6 line ends", "data: a\r\ndata: b\r\r", `message/"a\nb"/`},
		{"9.2.6 line ends mixed", "data: a\n\r\ndata: b\r\n\r\n", `message/"a"/ message/"b"/`},
		{"9.2.6 mark", "\ufeffdata: x\n:c\n\n", `message/"x"/`},
		{"9.2.6 mark twice", "\ufeff\ufeffdata: x\n\n", ``},
		{"9.2.6 not UTF-8", "data: \xff\n\n", `message/"�"/`},
		{"9.2.6 not UTF-8, cut characters", "data: a\xe2\x82b\xf0\x9f\x98\xed\xa0\x80\xc0\x80\n\n", "message/\"a�b������\"/"},
		{"9.2.6 space", "data:x\n\ndata: x\n\ndata:  x\n\ndata\n\ndata\ndata\n\n", `message/"x"/ message/"x"/ message/" x"/ message/""/ message/"\n"/`},
		{"9.2.6 names", "Data: x\n\nfoo: x\n\n data: x\n\n", ``},
		{"9.2.6 no data", "event: e\n\ndata: 1\n\n", `message/"1"/`},
		{"9.2.6 event", "event: e\ndata: 1\n\ndata: 2\n\nevent: e\nevent\ndata: 3\n\n", `e/"1"/ message/"2"/ message/"3"/`},
		{"9.2.6 id", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", `message/"a"/1 message/"b"/1 message/"c"/`},
		{"9.2.6 id with NUL", "id: 1\ndata: a\n\nid: 1\x002\ndata: d\n\n", `message/"a"/1 message/"d"/1`},
		{"9.2.6 cut", "data: 1\n\ndata: 2\n", `message/"1"/`},
	} {
		for cut, r := range map[string]io.Reader{
			"whole": strings.NewReader(test.in), "octets": iotest.OneByteReader(strings.NewReader(test.in)), "end with data": iotest.DataErrReader(strings.NewReader(test.in)),
		} {
			got, _, err := readEvents(r, 1000)
			if got != test.want || err != io.EOF {
				t.Errorf("%s, %s: %s, %v; want %s", test.name, cut, got, err, test.want)
			}
		}
	}
}

// An id is that of an event that ended; a cut one leaves none.
func TestEventStreamID(t *testing.T) {
	for in, want := range map[string]string{"id: 7\ndata: x": "", "id: 7\ndata: x\n": "", "id: 7\n\n": "7", "id: 7\n\nid: 8\n": "7"} {
		if _, r, _ := readEvents(strings.NewReader(in), 1000); r.id != want {
			t.Errorf("%q: %q", in, r.id)
		}
	}
}

func TestEventStreamRetry(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"10": 10 * time.Millisecond, "1e3": 0, "-1": 0, "1 0": 0, "": 0, "+5": 0, "99999999999999999999": longestRetry,
	} {
		if _, r, _ := readEvents(strings.NewReader("retry: "+in+"\n"), 1000); r.retry != want {
			t.Errorf("%q: %v", in, r.retry)
		}
	}
}

// endless repeats a text.
type endless struct {
	text string
	at   int
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	e.read += len(p)
	return len(p), nil
}

func TestEventStreamLimits(t *testing.T) {
	for _, text := range []string{"x", "data: x\n", "data", "id: 1\r"} {
		e := &endless{text: text}
		if text == "id: 1\r" {
			e.text = strings.Repeat("i", 101) + "\r"
		}
		if _, _, err := readEvents(e, 100); !errors.Is(err, errTooLong) || e.read > 64<<10 {
			t.Errorf("%q: %v after %d octets", text, err, e.read)
		}
	}
	if got, _, _ := readEvents(strings.NewReader("data: "+strings.Repeat("x", 94)+"\n\n"), 100); !strings.HasPrefix(got, "message") {
		t.Error("a line of just the limit is refused")
	}
}

func TestLines(t *testing.T) {
	const in = "{\"a\":1}\n\n{\"b\":\"\r\"}\r\n{\"cut"
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.ErrReader(io.ErrUnexpectedEOF)} {
		l := lines{r: r, limit: 100}
		var got []string
		var err error
		for {
			var line []byte
			if line, err = l.next(); err != nil {
				break
			}
			got = append(got, string(line))
		}
		if s := strings.Join(got, "|"); err == io.EOF && s != "{\"a\":1}||{\"b\":\"\r\"}\r" {
			t.Errorf("%q", s)
		}
	}
}

// cutter reads a text in pieces whose lengths are given.
type cutter struct {
	text string
	cuts []byte
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := 1
	if len(c.cuts) > 0 {
		n, c.cuts = int(c.cuts[0]), c.cuts[1:]
	}
	n = copy(p, c.text[:min(n, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}

// However a stream is cut, its events are the same, and they are those of a parser
// that is written as the standard's text is.
func FuzzEventStream(f *testing.F) {
	f.Add("data: a\r\ndata: b\r\r", []byte{8, 0, 1})
	f.Add("\ufeffid: 7\nevent: e\ndata: \xe2\x82\n\nretry: 3\r:c\n", []byte{1, 2, 3})
	f.Add("data:0\xf80\xe9\xa3\x10\x8f\x91\x9a\r\r", []byte{8})
	f.Add("data\ndata\n\nid: 1\x00\ndata:  x\n\n", []byte{})
	f.Fuzz(func(t *testing.T, in string, cuts []byte) {
		whole, r1, err1 := readEvents(strings.NewReader(in), 50)
		cut, r2, err2 := readEvents(&cutter{in, cuts}, 50)
		if whole != cut || err1 != err2 || r1.id != r2.id || r1.retry != r2.retry {
			t.Fatalf("%s, %v\n%s, %v", whole, err1, cut, err2)
		}
		all, _, _ := readEvents(strings.NewReader(in), 3*len(in)) // an octet that is not UTF-8 becomes three
		if want := plainly(in); all != want {
			t.Fatalf("%s\nwant %s", all, want)
		}
	})
}

// plainly reads a stream that is there as a whole, step by step as WHATWG HTML
// §9.2.6 has it.
func plainly(in string) string {
	text := strings.TrimPrefix(string(decodeUTF8([]byte(in))), "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	split := strings.Split(text, "\n")
	var got []string
	var data, event, id, last string
	for _, line := range split[:len(split)-1] {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			last = id
			if data != "" {
				if event == "" {
					event = "message"
				}
				got = append(got, fmt.Sprintf("%s/%q/%s", event, strings.TrimSuffix(data, "\n"), last))
			}
			data, event = "", ""
		case field == "event":
			event = value
		case field == "data":
			data += value + "\n"
		case field == "id" && !strings.Contains(value, "\x00"):
			id = value
		}
	}
	return strings.Join(got, " ")
}
