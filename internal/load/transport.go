package load

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Transport is how sessions get their messages.
type Transport int

// The transports.
const (
	WebSocket   Transport = iota
	EventSource           // an answer that does not end, of server-sent events
	Stream                // one of lines of JSON
	LongPoll              // one request after the other, each held until there is something
	Poll                  // one request after the other, at an interval
)

// HTTPDialect is a [Dialect] of a server that has them all.
type HTTPDialect interface {
	Dialect
	// AppendDown appends the request for a session's messages, from the cursor of
	// its answer before on, if there was one.
	AppendDown(dst []byte, session int, t Transport, cursor []byte) []byte
	// AppendLine appends the request for a WebSocket that gets no messages.
	AppendLine(dst []byte, client int) []byte
	// AppendSay appends what a client publishes body with to Everyone: over a
	// WebSocket a text message, else a request.
	AppendSay(dst []byte, client int, t Transport, body []byte) []byte
}

// download is what a session without WebSocket has to remember.
type download struct {
	opened  bool   // it has had its first envelope
	head    bool   // of an answer that does not end, the header section has been read
	chunk   int    // octets of a chunk that are still to come; -1: the line end behind it
	text    []byte // the beginning of a line
	cursor  []byte // of the latest answer
	waiting bool   // for an answer
	paced   bool   // it has its time in the interval
}

var errBody = errors.New("the server's answer is not what its transport sends")

// ask sends a session's request for messages.
func (f *Fleet) ask(id int) {
	m := &f.members[id]
	m.down.waiting = true
	d, _ := f.o.Dialect.(HTTPDialect) // see New
	f.out = d.AppendDown(f.out[:0], id, f.o.Transport, m.down.cursor)
	f.requests++
	f.tell(id, f.out)
}

// tell sends what a session has to say.
func (f *Fleet) tell(id int, b []byte) {
	f.sent += uint64(len(b))
	f.e.write(id, b)
}

// polls says that sessions ask for what there is.
func (f *Fleet) polls() bool { return f.o.Transport >= LongPoll }

// begun sends what a session's connection begins with.
func (f *Fleet) begun(id int) {
	m := &f.members[id]
	switch {
	case f.o.Transport == WebSocket:
		m.state = isUpgrading
		f.out = f.o.Dialect.AppendUpgrade(f.out[:0], id)
		f.requests++
		f.tell(id, f.out)
	case m.down == nil || !m.down.opened:
		m.state = isUpgrading
		m.down = &download{}
		f.ask(id)
	default: // the server had ended the connection between two polls
		m.state = isReady
		if m.down.waiting {
			f.ask(id)
		}
	}
}

// output takes what a session without WebSocket got, and returns what is left of it.
func (f *Fleet) output(id int, b []byte) (rest []byte, err error) {
	m := &f.members[id]
	if f.polls() {
		return f.polled(id, b)
	}
	if !m.down.head {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			if len(b) > longestHead {
				err = errAnswer
			}
			return b, err
		}
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
			a, n, err := scanAnswer(b)
			if n > 0 && err == nil {
				err = refusal(a.status, a.body)
			}
			return b, err
		}
		if _, chunked, _ := bodyLength(b[:end]); !chunked {
			return nil, errBody
		}
		m.down.head = true
		b = b[end+4:]
	}
	return f.chunks(id, b, f.now())
}

// chunks takes the chunks of an answer that does not end (RFC 9112 §7.1).
func (f *Fleet) chunks(id int, b []byte, now int64) (rest []byte, err error) {
	d := f.members[id].down
	for len(b) > 0 {
		switch {
		case d.chunk > 0:
			n := min(d.chunk, len(b))
			if err := f.lines(id, b[:n], now); err != nil {
				return nil, err
			}
			b = b[n:]
			if d.chunk -= n; d.chunk == 0 {
				d.chunk = -1
			}
		case d.chunk < 0:
			if len(b) < 2 {
				return b, nil
			}
			b, d.chunk = b[2:], 0
		default:
			line, after, ok := bytes.Cut(b, []byte("\r\n"))
			if !ok {
				if len(b) > 16 {
					err = errBody
				}
				return b, err
			}
			size := int(hexValue(line))
			if size == 0 || size > maxMessage {
				return nil, errEnd
			}
			b, d.chunk = after, size
		}
	}
	return nil, nil
}

// lines takes a part of the body, and of it what is whole.
func (f *Fleet) lines(id int, b []byte, now int64) error {
	d := f.members[id].down
	for {
		line, after, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			d.text = append(d.text, b...)
			return nil
		}
		b = after
		if len(d.text) > 0 {
			line = append(d.text, line...)
			d.text = d.text[:0]
		}
		if f.o.Transport == EventSource {
			if line, ok = bytes.CutPrefix(line, []byte("data:")); !ok {
				continue
			}
		}
		if len(line) == 0 { // it lives
			continue
		}
		if err := f.envelope(id, line, now); err != nil {
			return err
		}
	}
}

// envelope takes one envelope of a session.
func (f *Fleet) envelope(id int, msg []byte, now int64) error {
	m := &f.members[id]
	if m.state == isUpgrading {
		m.state = isGreeting
		if err := f.greet(id, nil); err != nil {
			return err
		}
		m.down.opened = true
	}
	return f.frame(id, opText, msg, now)
}

// polled takes the answer to a poll.
func (f *Fleet) polled(id int, b []byte) (rest []byte, err error) {
	a, n, err := scanAnswer(b)
	if n == 0 || err != nil {
		return b, err
	}
	m := &f.members[id]
	d := m.down
	if a.status != http.StatusOK {
		return nil, refusal(a.status, a.body)
	}
	if n < len(b) || !d.waiting {
		return nil, errBody // more than was asked for
	}
	d.waiting = false
	d.cursor = append(d.cursor[:0], CursorOf(a.body)...)
	now := f.now()
	if m.state == isUpgrading {
		if err := f.envelope(id, a.body, now); err != nil {
			return nil, err
		}
	}
	found := 0
	for msg := a.body; ; found++ {
		at := bytes.Index(msg, mark)
		if at < 0 {
			break
		}
		if err := f.frame(id, opText, msg[at:], now); err != nil {
			return nil, err
		}
		msg = msg[at+len(mark):]
	}
	if found == 0 {
		f.empty++
	}
	switch more := bytes.Contains(a.body[max(0, len(a.body)-32):], []byte(`"more":true`)); {
	case a.last:
		f.e.drop(id)
		d.waiting = true
		f.dial(id)
	case f.o.Transport == LongPoll || more:
		f.ask(id)
	default:
		f.askLater(id, now)
	}
	return nil, nil
}

// due is a poll that is to be made.
type due struct {
	at int64
	id int
}

// askLater has a session poll when its time comes: after the interval, and the first
// time anywhere in it, so that sessions which came together do not ask together.
func (f *Fleet) askLater(id int, now int64) {
	every := int64(f.o.Interval)
	if d := f.members[id].down; !d.paced {
		d.paced = true
		every = rand.Int64N(every + 1)
	}
	next := due{now + every, id}
	at, _ := slices.BinarySearchFunc(f.dues, next, func(a, b due) int {
		if a.at <= b.at {
			return -1
		}
		return 1
	})
	f.dues = slices.Insert(f.dues, at, next)
}

// askDue makes the polls whose time has come, and returns how long it is until the
// next, d at the most.
func (f *Fleet) askDue(d time.Duration) time.Duration {
	now := f.now()
	n := 0
	for ; n < len(f.dues) && f.dues[n].at <= now; n++ {
		switch m := &f.members[f.dues[n].id]; {
		case m.state == isReady && !m.down.waiting:
			f.ask(f.dues[n].id)
		case m.state == isDialling:
			m.down.waiting = true // it asks when it is connected
		}
	}
	f.dues = slices.Delete(f.dues, 0, n)
	if len(f.dues) > 0 {
		d = min(d, time.Duration(f.dues[0].at-now))
	}
	return d
}

// pollAgain dials again for a session whose connection the server has ended between
// two polls, as it may, and reports whether that is what happened.
func (f *Fleet) pollAgain(id int, was state, err error) bool {
	m := &f.members[id]
	if !f.polls() || m.pub != nil || was != isReady || !errors.Is(err, errEnd) {
		return false
	}
	f.dial(id)
	return true
}
