package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// publisher is one connection for HTTP requests.
type publisher struct {
	n       int    // its number
	request []byte // to everyone; only the stamp in it changes
	at      int    // where that stands
	target  int    // the session that the message under way is for
	sent    int64  // when the request under way left
	free    int64  // when it had nothing to do
	line    bool   // it is a client with a WebSocket
}

// publish sends what is due, and returns how long it is until more will be.
func (r *run) publish(now int64) time.Duration {
	const look = 20 * time.Millisecond // an answer ends the wait earlier
	for len(r.free) > 0 && !r.over(now) {
		at := now
		if r.plan.Rate > 0 {
			at = r.due()
			if at > now {
				return time.Duration(at - now)
			}
			if at-r.began >= int64(r.plan.Time) {
				return look
			}
		}
		r.issued++
		r.at = 0
		id := r.free[len(r.free)-1]
		r.free = r.free[:len(r.free)-1]
		r.waiting++
		p := r.f.members[id].pub
		p.sent = now
		r.leaves(at, now-max(at, p.free))
		s := stamp{run: r.id, publisher: uint16(p.n), sent: uint64(at)}
		if r.plan.Unicast {
			r.sendOne(id, p, s)
		} else {
			r.sendAll(id, p, s)
		}
	}
	return look
}

// due is when the next message is to leave, of those with a rate.
func (r *run) due() int64 {
	if r.random == nil {
		return r.began + int64(float64(r.issued)/r.plan.Rate*1e9)
	}
	if r.at == 0 {
		r.latest = max(r.latest, r.began) + int64(r.random.ExpFloat64()/r.plan.Rate*1e9)
		r.at = r.latest
	}
	return r.at
}

// leaves notes that a message leaves that was due at a time, and how late the load
// itself is with it.
func (r *run) leaves(at, late int64) {
	if r.plan.Phase == nil {
		return
	}
	for n := r.plan.Phase(); n >= len(r.Phases); {
		r.Phases = append(r.Phases, Phase{from: at})
	}
	r.Phases[len(r.Phases)-1].Late.Add(time.Duration(late))
}

func (r *run) sendAll(id int, p *publisher, s stamp) {
	s.number = r.accepted[p.n]
	if p.request == nil {
		p.request = r.request(id, s.body(r.plan.Size))
		p.at = bytes.Index(p.request, mark)
	}
	s.append(p.request[:p.at])
	out := p.request
	if r.plan.Say && r.f.o.Transport == WebSocket {
		r.f.out = appendFrame(r.f.out[:0], opText, out)
		out = r.f.out
	}
	r.said.sent += uint64(len(out))
	r.said.requests++
	r.f.e.write(id, out)
}

// request is what publishes to everyone.
func (r *run) request(id int, body []byte) []byte {
	if !r.plan.Say {
		return r.f.o.Dialect.AppendPublish(nil, Everyone, body)
	}
	d, _ := r.f.o.Dialect.(HTTPDialect) // see Publish
	return d.AppendSay(nil, r.f.members[id].pub.n%r.f.sessions, r.f.o.Transport, body)
}

func (r *run) sendOne(id int, p *publisher, s stamp) {
	f := r.f
	for range f.sessions { // the next of this publisher's sessions that is there
		if p.target += r.plan.Publishers; p.target >= f.sessions {
			p.target = p.n
		}
		if f.members[p.target].state == isReady {
			break
		}
	}
	s.number = r.accepted[p.target]
	f.out = f.o.Dialect.AppendPublish(f.out[:0], p.target, s.body(r.plan.Size))
	f.e.write(id, f.out)
}

// answered takes what a publisher got and returns what is left of it.
func (f *Fleet) answered(id int, b []byte) (rest []byte, err error) {
	if f.members[id].pub.line {
		return f.told(id, b)
	}
	a, n, err := scanAnswer(b)
	if n == 0 || err != nil {
		return b, err
	}
	switch {
	case n < len(b):
		return nil, errAnswers
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status == http.StatusNotFound:
		return nil, refusal(a.status, a.body) // and so would all be
	case a.status < 200 || a.status > 299:
		err = f.run.done(id, refusal(a.status, a.body))
	default:
		err = f.run.done(id, f.run.reply(a.body))
	}
	if err != nil {
		return nil, err
	}
	if a.last {
		f.e.drop(id)
		f.dial(id)
	} else {
		f.run.free = append(f.run.free, id)
	}
	return nil, nil
}

var errAnswers = errors.New("load: the server sent more than one answer to a request")

// reply returns the error that the answer to a client's message is, if it is one.
func (r *run) reply(b []byte) error {
	if r.plan.Say && !bytes.Contains(b, []byte(`"sys:ok"`)) {
		return refusal(http.StatusOK, b)
	}
	return nil
}

// done takes note of a publisher's answer.
func (r *run) done(id int, refused error) error {
	p := r.f.members[id].pub
	if p.sent == 0 {
		return errAnswers
	}
	now := r.f.now()
	r.Took = time.Duration(now - r.began)
	r.Answer.Add(time.Duration(now - p.sent))
	r.waiting--
	p.sent, p.free = 0, now
	if refused != nil {
		r.Refused[why(refused)]++
	} else {
		r.accept(p)
	}
	return nil
}

// told takes what a publisher got that is a client with a WebSocket.
func (f *Fleet) told(id int, b []byte) (rest []byte, err error) {
	m := &f.members[id]
	if m.state == isUpgrading {
		a, n, err := scanAnswer(b)
		if n == 0 || err != nil {
			return b, err
		}
		if a.status != http.StatusSwitchingProtocols {
			return nil, refusal(a.status, a.body)
		}
		b = b[n:]
		m.state = isGreeting
	}
	for len(b) > 0 {
		opcode, payload, n, err := scanFrame(b)
		if n == 0 || err != nil {
			return b, err
		}
		b = b[n:]
		switch {
		case opcode == opPing:
			f.send(id, opPong, payload)
			continue
		case opcode == opClose:
			return nil, closeError(payload)
		case opcode != opText:
			continue
		case m.state == isGreeting: // sys:open
			m.state = isReady
		default:
			if err := f.run.done(id, f.run.reply(payload)); err != nil {
				return nil, err
			}
		}
		f.run.free = append(f.run.free, id)
	}
	return nil, nil
}

// accept reckons with a message that the server took.
func (r *run) accept(p *publisher) {
	r.Published++
	if !r.plan.Unicast {
		r.accepted[p.n]++
		r.expected += uint64(r.readers)
		return
	}
	r.accepted[p.target]++
	if r.f.members[p.target].state == isReady {
		r.expected++
	}
}

// hungUp is a publisher whose connection ended. Between requests that is the
// server's right. Amid one nobody knows what became of the message, so that nothing
// can be reckoned after it.
func (r *run) hungUp(id int, was state, err error) {
	if errors.Is(err, errEnd) && was == isReady && r.f.members[id].pub.sent == 0 {
		r.free = slices.DeleteFunc(r.free, func(free int) bool { return free == id })
		r.f.dial(id)
		return
	}
	if r.err == nil {
		r.err = fmt.Errorf("load: a publisher cannot go on: %s", why(err))
	}
}
