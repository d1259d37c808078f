package client

import (
	"bytes"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// streamEvent is one event of a text/event-stream.
type streamEvent struct {
	name string // "message" if the stream gives none
	data []byte // valid until the next event
	id   string // the last one that was given, "" if that was cleared
}

// eventReader reads a text/event-stream as WHATWG HTML §9.2.6 has it.
type eventReader struct {
	lines
	begun bool // the first line has been seen, and its byte order mark dropped

	id      string        // of the last event that ended, even without data
	retry   time.Duration // the last that was given, 0 for none
	pending string        // the id that the event being read ends with
	name    string
	data    []byte
	has     bool // there was a data line
}

func newEventReader(r io.Reader, limit int) *eventReader {
	return &eventReader{lines: lines{r: r, limit: limit, cr: true}}
}

// next returns the next event. One that the end of the stream has cut off is
// dropped, with its id.
func (r *eventReader) next() (streamEvent, error) {
	r.data, r.has = r.data[:0], false
	for {
		line, err := r.lines.next()
		if err != nil {
			return streamEvent{}, err
		}
		if !r.begun {
			r.begun = true
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) > 0 {
			if err := r.field(line); err != nil {
				return streamEvent{}, err
			}
			continue
		}
		r.id = r.pending
		name := r.name
		r.name = ""
		if !r.has {
			continue
		}
		if name == "" {
			name = "message"
		}
		return streamEvent{name: name, data: r.data, id: r.id}, nil
	}
}

// field takes one line that is not empty.
func (r *eventReader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) { // "" is a comment
	case "event":
		r.name = string(decodeUTF8(value))
	case "data":
		if r.has {
			r.data = append(r.data, '\n')
		}
		r.has = true
		r.data = append(r.data, decodeUTF8(value)...)
		if len(r.data) > r.limit {
			return errTooLong
		}
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			r.pending = string(decodeUTF8(value))
		}
	case "retry":
		if ms, ok := digits(value); ok {
			r.retry = ms
		}
	}
	return nil
}

// digits reads a time in milliseconds that has nothing but ASCII digits. What is
// too long for any use is cut down to what a client waits at most.
func digits(b []byte) (time.Duration, bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	if len(b) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(b))
	if err != nil || n > int(longestRetry/time.Millisecond) {
		return longestRetry, true
	}
	return time.Duration(n) * time.Millisecond, true
}

// decodeUTF8 puts U+FFFD in the place of whatever is not UTF-8: one for each
// longest beginning of a character (WHATWG Encoding §4.1, Unicode §3.9).
func decodeUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = beginning(b)
			out = append(out, "\ufffd"...)
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

// beginning returns how many octets of b, which is no character, begin one.
func beginning(b []byte) int {
	low, high := byte(0x80), byte(0xbf)
	more := 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		more = 1
	case c >= 0xe0 && c <= 0xef:
		more = 2
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		more = 3
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for ; more > 0 && n < len(b) && b[n] >= low && b[n] <= high; more-- {
		n++
		low, high = 0x80, 0xbf
	}
	return n
}
