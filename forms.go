package openline

import "bytes"

// forms are those of a message's forms that only some transports need.
type forms struct {
	eventStream []byte
	line        []byte
}

// EventStream returns the message as an event of a text/event-stream (WHATWG HTML §9.2.5), encoded at the first call and shared by all: it is read-only. Its id is the cursor
// after it, if it has one, its event the type, its data the envelope in one line.
func (m *Message) EventStream() []byte { return m.forms().eventStream }

// NDJSON returns the envelope in one line, with the line feed, encoded at the first call and shared by all: it is read-only. Line breaks between the tokens of the data have become spaces.
func (m *Message) NDJSON() []byte { return m.forms().line }

// Place returns the cursor of what comes after the message, or "" if it does not say.
func (m *Message) Place() string {
	if m.Cursor != "" {
		return m.Cursor
	}
	return m.ID
}

// forms makes both forms; if two do so at once, one of them counts.
func (m *Message) forms() *forms {
	if f := m.others.Load(); f != nil {
		return f
	}
	line := oneLine(m.JSON())
	b := make([]byte, 0, len(line)+len(m.ID)+len(m.Type)+32)
	if place := m.Place(); place != "" {
		b = append(b, "id: "...)
		b = append(b, place...)
		b = append(b, '\n')
	}
	if m.Type != "" && m.Type != DefaultType { // which is what an event without a name is
		b = append(b, "event: "...)
		b = append(b, m.Type...)
		b = append(b, '\n')
	}
	b = append(b, "data: "...)
	b = append(b, line...)
	b = append(b, "\n\n"...)
	end := len(b) - 1
	f := &forms{eventStream: b, line: b[end-1-len(line) : end : end]}
	if !m.others.CompareAndSwap(nil, f) {
		return m.others.Load()
	}
	return f
}

// oneLine returns b with spaces for line breaks, which stand only between tokens: inside a string JSON has them escaped.
func oneLine(b []byte) []byte {
	if bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return b
	}
	line := bytes.Clone(b)
	for i, c := range line {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	return line
}
