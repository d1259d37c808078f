package proto_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/wstest"
)

// TestScripts plays every script in testdata to a Receiver, however the input is
// cut: whole, octet by octet, and in two pieces at each offset. The same has to
// come out, and what fails has to fail at the octet that shows it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, s := range wstest.ReadScripts(t, file) {
				testScript(t, file, &s)
			}
		})
	}
}

func testScript(t *testing.T, file string, s *wstest.Script) {
	t.Helper()
	where := fmt.Sprintf("%s:%d (%s)", file, s.Line, s.Name)
	input := s.Input()
	want, at := expected(s)
	check := func(how string, r *reading) {
		t.Helper()
		if !slices.Equal(r.events, want) {
			t.Errorf("%s, %s: got %q, want %q", where, how, r.events, want)
		}
	}
	whole := newReading(s)
	whole.feed(input)
	check("whole", whole)
	short := newReading(s).takingWhole()
	short.feed(input)
	check("whole, by the short way", short)

	single := newReading(s)
	for i := range input {
		single.feed(input[i : i+1])
		if failed := single.err != nil; at > 0 && failed != (i+1 >= at) {
			t.Errorf("%s: after %d octets failed is %v, want it at %d", where, i+1, failed, at)
		}
	}
	check("octet by octet", single)

	if len(input) > 4096 {
		return
	}
	step := 1
	if len(whole.message) > 1<<16 || len(strings.Join(whole.events, "")) > 1<<17 {
		step = 700 // what comes out is long: not at each offset
	}
	for k := 0; k < len(input); k += step {
		r := newReading(s)
		r.feed(input[:k])
		if failed := r.err != nil; at > 0 && failed != (k >= at) {
			t.Errorf("%s: given %d octets at once, failed is %v, want it at %d", where, k, failed, at)
		}
		r.feed(input[k:])
		check(fmt.Sprintf("cut at %d", k), r)
		short := newReading(s).takingWhole()
		short.feed(input[:k])
		short.feed(input[k:])
		check(fmt.Sprintf("cut at %d, by the short way", k), short)
	}
}

// expected lists what should come out, and the octet at which it should fail.
func expected(s *wstest.Script) (events []string, at int) {
	for _, step := range s.Steps {
		switch step.Verb {
		case "message":
			events = append(events, fmt.Sprintf("message %s %x", step.Type, step.Data))
		case "ping", "pong":
			events = append(events, fmt.Sprintf("%s %x", step.Verb, step.Data))
		case "close":
			events = append(events, fmt.Sprintf("close %d %x", step.Code, step.Data))
		case "fail":
			events = append(events, fmt.Sprintf("fail %d", step.Code))
			at = step.At
		}
	}
	return events, at
}

// reading feeds a Receiver and writes down what comes out.
type reading struct {
	r       proto.Receiver
	events  []string
	err     error
	message []byte
	pieces  int  // of the message that is open
	whole   bool // ask Whole before Receive, as drivers do
}

func newReading(s *wstest.Script) *reading {
	return newReadingWithin(s, limitsOf(s))
}

// takingWhole has the reading take the short way where there is one.
func (d *reading) takingWhole() *reading {
	d.whole = true
	return d
}

func limitsOf(s *wstest.Script) proto.Limits {
	limits := proto.Limits{MessageSize: 1 << 20, Fragments: 1 << 17, Ratio: 400, RatioFloor: 1 << 20}
	if s.ReadLimit > 0 {
		limits.MessageSize = s.ReadLimit
	}
	if s.MaxRatio != 0 {
		limits.Ratio = int64(s.MaxRatio)
	}
	return limits
}

func newReadingWithin(s *wstest.Script, limits proto.Limits) *reading {
	r := proto.NewReceiver(s.Client, false, limits)
	if s.Deflate {
		r.Inflate(deflate.NewInflater(deflate.MaxBits, true))
	}
	return &reading{r: r}
}

// feed hands p over. The receiver gets a copy, since it unmasks in place, and the
// copy is spoiled afterwards, so that a view that was kept would show.
func (d *reading) feed(p []byte) {
	p = bytes.Clone(p)
	defer func(all []byte) {
		for i := range all {
			all[i] = 0xEE
		}
	}(p)
	for (len(p) > 0 || d.r.Pending()) && d.err == nil {
		if d.whole {
			if n := d.takeWhole(p); n > 0 {
				p = p[n:]
				continue
			}
		}
		pending := d.r.Pending()
		n, ev, err := d.r.Receive(p)
		if n == 0 && err == nil && !pending {
			panic("Receive takes nothing")
		}
		p = p[n:]
		d.note(ev, err)
	}
}

// takeWhole asks Whole, which changes nothing if it takes nothing.
func (d *reading) takeWhole(p []byte) (n int) {
	before, was := bytes.Clone(p), d.r
	op, payload, n := d.r.Whole(p)
	if n == 0 {
		if !bytes.Equal(p, before) || !reflect.DeepEqual(d.r, was) {
			panic("Whole takes nothing and changes something")
		}
		return 0
	}
	if !bytes.Equal(p[n:], before[n:]) {
		panic("Whole changes what is behind the message")
	}
	d.note(proto.Event{Kind: proto.Data, Opcode: op, First: true, Last: true, Payload: payload}, nil)
	return n
}

func (d *reading) note(ev proto.Event, err error) {
	if ev.Kind == proto.Data {
		_ = append(ev.Payload, 0xEE) // an application may, and spoils nothing that is still to be read
	}
	if err != nil {
		d.err = err
		e, ok := errors.AsType[*proto.Error](err)
		if !ok {
			panic("an error that is no *Error: " + err.Error())
		}
		d.events = append(d.events, fmt.Sprintf("fail %d", e.Code))
		return
	}
	switch ev.Kind {
	case proto.Data:
		if ev.First != (d.pieces == 0) {
			panic("First on the wrong piece")
		}
		d.pieces++
		d.message = append(d.message, ev.Payload...)
		if ev.Last {
			d.events = append(d.events, fmt.Sprintf("message %s %x", websocket.MessageType(ev.Opcode), d.message))
			d.message, d.pieces = nil, 0
		}
	case proto.Ping:
		d.events = append(d.events, fmt.Sprintf("ping %x", ev.Payload))
	case proto.Pong:
		d.events = append(d.events, fmt.Sprintf("pong %x", ev.Payload))
	case proto.Close:
		d.events = append(d.events, fmt.Sprintf("close %d %x", ev.Code, ev.Payload))
	}
}

// TestAllWaysToFragmentText sends a text of ten octets in all 512 ways to cut it
// into fragments, with and without empty ones between (RFC 6455 §5.4, §8.1).
func TestAllWaysToFragmentText(t *testing.T) {
	text := []byte("Zß水🍣")
	for cuts := range 1 << (len(text) - 1) {
		for _, empty := range []bool{false, true} {
			var b []byte
			op := frame.Text
			add := func(fin bool, p []byte) {
				b = frame.AppendHeader(b, frame.Header{Fin: fin, Opcode: op, Length: uint64(len(p))})
				b = append(b, p...)
				op = frame.Continuation
			}
			from := 0
			for i := 1; i < len(text); i++ {
				if cuts>>(i-1)&1 != 0 {
					add(false, text[from:i])
					if empty {
						add(false, nil)
					}
					from = i
				}
			}
			add(true, text[from:])
			r := newReading(&wstest.Script{Client: true})
			r.feed(b)
			if want := fmt.Sprintf("message text %x", text); len(r.events) != 1 || r.events[0] != want {
				t.Fatalf("cuts %09b, empty fragments %v: %q", cuts, empty, r.events)
			}
		}
	}
}

// TestCloseCodes judges every code there is (RFC 6455 §7.4).
func TestCloseCodes(t *testing.T) {
	for code := range 1 << 16 {
		valid := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1011 || // RFC 6455 §7.4.1
			code >= 1012 && code <= 1014 || // the registry's later ones
			code >= 3000 && code <= 4999 // RFC 6455 §7.4.2
		r := newReading(&wstest.Script{Client: true})
		r.feed([]byte{0x88, 2, byte(code >> 8), byte(code)})
		want := "fail 1002"
		if valid {
			want = fmt.Sprintf("close %d ", code)
		}
		if len(r.events) != 1 || r.events[0] != want {
			t.Fatalf("code %d: %q, want %q", code, r.events, want)
		}
	}
}

// TestFlippedBits plays every script with each single bit of its input flipped:
// whatever it then means, it means the same octet by octet as whole.
func TestFlippedBits(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, s := range wstest.ReadScripts(t, file) {
			input := s.Input()
			if len(input) > 200 {
				continue
			}
			for bit := range 8 * len(input) {
				flipped := bytes.Clone(input)
				flipped[bit/8] ^= 1 << (bit % 8)
				whole, short, single := newReading(&s), newReading(&s).takingWhole(), newReading(&s)
				whole.feed(flipped)
				short.feed(flipped)
				for i := range flipped {
					single.feed(flipped[i : i+1])
				}
				for way, r := range map[string]*reading{"whole": whole, "by the short way": short} {
					if !slices.Equal(r.events, single.events) {
						t.Errorf("%s:%d, bit %d: %s %q, octet by octet %q", file, s.Line, bit, way, r.events, single.events)
					}
				}
			}
		}
	}
}
