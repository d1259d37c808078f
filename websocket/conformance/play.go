package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// play is a case that is being played.
type play struct {
	ctx   context.Context
	c     *Case
	actor Actor // the end under test
	run   *run
	rec   *recorder
	token string // in the query, where the case needs to be known again

	w       *wire // the connection that the steps are about
	mu      sync.Mutex
	wires   []*wire // guarded by mu
	over    bool    // guarded by mu: the case has ended, connections are closed
	pings   int     // that came and were not waited for
	state   state
	mute    bool
	closing bool          // a step has sent a Close
	ignore  bool          // messages that nobody waits for are no fault
	limit   time.Duration // of the expectation that is being played; 0: the usual

	msgs, pongs []*arrival // they came before they were waited for
	allowed     []*arrival // they may come
	aside       int        // octets that all that was ever put aside takes
	remark      string

	// The handshake.
	url        *url.URL // a server's, with the settings of the case
	request    *message // the last one that was sent
	got        *head    // the last request or response that came
	before     *head    // the response in front of it
	unanswered []string // the methods of the requests that have had no response
	agreed     *deflateParams
	client     *clientSide
	tlsVersion uint16  // to a server; 0: any
	requests   []*head // of a client
	saw        *saw    // what the application said
}

// state is how far the connection is.
type state uint8

const (
	idle      state = iota
	connected       // TCP, or a client's request has come
	opened
)

// Errors that end a case otherwise than by a failure.
var errDone = errors.New("the case has ended")

type skipped struct{ why string }

func (s skipped) Error() string { return s.why }

// stepFunc is a step, ready to be played.
type stepFunc func(*play) error

// explain says what was waited for.
func (p *play) explain(s *Step, err error) error {
	switch {
	case err == errDone || errors.As(err, new(skipped)):
		return err
	case err == errTimeout:
		err = fmt.Errorf("nothing came in time")
	}
	if strings.HasPrefix(s.Text, "<") {
		return fmt.Errorf("expected %s: %w", strings.TrimSpace(s.Text[1:]), err)
	}
	return fmt.Errorf("at %s: %w", s.Text, err)
}

// leftOver says what came that nobody waited for.
func (p *play) leftOver() error {
	for _, a := range slices.Concat(p.msgs, p.pongs) {
		if !p.allows(a) {
			return fmt.Errorf("%s came as well", a)
		}
	}
	return nil
}

// allows takes a off the list of what may come.
func (p *play) allows(a *arrival) bool {
	if p.ignore && a.kind == gotMessage {
		return true
	}
	i := slices.IndexFunc(p.allowed, func(b *arrival) bool {
		return a.kind == b.kind && a.opcode == b.opcode &&
			(string(a.data) == string(b.data) || b.prefix && strings.HasPrefix(string(a.data), string(b.data)))
	})
	if i < 0 {
		return false
	}
	p.allowed = slices.Delete(p.allowed, i, i+1)
	return true
}

// deadline is when what is waited for has to be there.
func (p *play) deadline(d time.Duration) time.Time {
	if d == 0 {
		d = p.limit
	}
	if d == 0 {
		d = p.run.within
	}
	return time.Now().Add(p.run.patient(d))
}

// next returns what comes next; Pings are answered.
func (p *play) next(deadline time.Time) (*arrival, error) {
	for {
		a, err := p.w.arrival(deadline)
		if err != nil || a.kind != gotPing {
			return a, err
		}
		p.answerPing(a)
		if time.Now().After(deadline) {
			return nil, errTimeout // Pings without end
		}
	}
}

func (p *play) answerPing(a *arrival) {
	p.pings++
	if !p.mute && p.w.backlog() < mostQueued {
		p.sendFrame(&frameSpec{opcode: opPong, fin: true, times: 1, payload: a.data}, "pong, to that Ping")
	}
}

// one waits for something of one kind. What overtakes it is put aside.
func (p *play) one(kind arrivalKind, deadline time.Time) (*arrival, error) {
	a, err := p.either(kind, deadline)
	if err == nil && a.kind != kind {
		return nil, fmt.Errorf("got %s", a)
	}
	return a, err
}

// either waits for something of one kind, or a Close, or the end.
func (p *play) either(kind arrivalKind, deadline time.Time) (*arrival, error) {
	aside := &p.msgs
	if kind == gotPong {
		aside = &p.pongs
	}
	if len(*aside) > 0 {
		a := (*aside)[0]
		*aside = (*aside)[1:]
		return a, nil
	}
	for {
		a, err := p.next(deadline)
		switch {
		case err != nil:
			return nil, err
		case p.allows(a):
			if time.Now().After(deadline) { // what is allowed may come without end
				return nil, errTimeout
			}
		case a.kind == kind:
			return a, nil
		case a.kind == gotMessage:
			p.msgs = append(p.msgs, a)
			err = p.setAside(a)
		case a.kind == gotPong:
			p.pongs = append(p.pongs, a)
			err = p.setAside(a)
		default:
			return a, nil
		}
		if err == nil && time.Now().After(deadline) {
			err = errTimeout // something else without end
		}
		if err != nil {
			return nil, err
		}
	}
}

// final waits for a Close or the end, with nothing in front of it.
func (p *play) final(deadline time.Time) (*arrival, error) {
	if err := p.leftOver(); err != nil {
		return nil, err
	}
	p.msgs, p.pongs = nil, nil
	for {
		a, err := p.next(deadline)
		switch {
		case err != nil:
			return nil, err
		case p.allows(a):
			if time.Now().After(deadline) {
				return nil, errTimeout
			}
		case a.kind == gotMessage || a.kind == gotPong:
			return nil, fmt.Errorf("got %s", a)
		default:
			return a, nil
		}
		if time.Now().After(deadline) {
			return nil, errTimeout // without end what is allowed
		}
	}
}

// tolerate notes what only interop mode lets pass.
func (p *play) tolerate(format string, args ...any) {
	p.remark = fmt.Sprintf(format, args...)
}

// attach makes nc the connection that the steps are about.
func (p *play) attach(nc net.Conn) {
	if tc, ok := nc.(*net.TCPConn); ok {
		_ = tc.SetNoDelay(true)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.w = newWire(nc, len(p.wires), p.rec)
	p.w.dec.client, p.w.dec.lenient = p.actor == ClientActor, !p.run.o.Strict
	p.wires = append(p.wires, p.w)
	if p.over {
		p.w.drop()
		p.w.close()
	}
	p.state, p.closing = connected, false
	p.msgs, p.pongs, p.allowed, p.unanswered = nil, nil, nil, nil
}

// frames makes the connection one of frames, with what was agreed.
func (p *play) frames(agreed *deflateParams) {
	p.state, p.agreed = opened, agreed
	if agreed != nil {
		p.w.dec.terms = agreed.sender(p.actor == ClientActor)
	}
}

// open has the connection open, if no step has done that.
func (p *play) open() error {
	if p.state != idle {
		return nil
	}
	if p.actor == ClientActor {
		return p.openClient()
	}
	return p.openServer()
}

// ready has a connection there that can be written to: the suite's to a server,
// before the handshake if a step sends the request, or a client's.
func (p *play) ready() error {
	if p.state != idle {
		return nil
	}
	if p.actor == ServerActor && p.c.handshakes() {
		return p.connect()
	}
	if p.actor == ClientActor && p.c.handshakes() {
		return p.meet()
	}
	return p.open()
}

// handshakes reports whether the case's own steps make the handshake.
func (c *Case) handshakes() bool {
	for _, s := range c.Steps {
		text := s.Text
		if after, ok := strings.CutPrefix(text, "< within "); ok {
			_, text, _ = strings.Cut(after, " ")
			text = "< " + text
		}
		switch text {
		case "> request", "connect", "< tls-error":
			return true
		}
		for _, begin := range []string{"> response", ">> response", "< request", "< connect ", "< one at a time"} {
			if strings.HasPrefix(text, begin) {
				return true
			}
		}
		if strings.HasPrefix(strings.TrimLeft(s.Text, ">"), " plain ") {
			return true
		}
	}
	return false
}

func (p *play) sendFrame(f *frameSpec, what string) {
	p.w.send(f.append(nil, p.actor == ServerActor), f.times, what)
}

// expand replaces the names that a step's text has for what is only known now.
func (p *play) expand(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	pairs := []string{"{token}", p.token}
	if p.url != nil {
		scheme, other, usual := "http", "https", "80"
		if p.url.Scheme == "wss" {
			scheme, other, usual = "https", "http", "443"
		}
		port := p.url.Port()
		if port == "" {
			port = usual
		}
		dir := p.url.Path[:strings.LastIndexByte(p.url.Path, '/')+1]
		pairs = append(
			pairs, "{path}", p.url.RequestURI(), "{host}", p.url.Host, "{hostname}", p.url.Hostname(), "{port}", port, "{dir}", dir,
			"{query}", p.url.RawQuery, "{scheme}", scheme, "{usual}", usual, "{origin}", scheme+"://"+p.url.Host, "{swapped}", other+"://"+p.url.Host)
	}
	if p.client != nil {
		pairs = append(pairs, p.client.names()...)
		if strings.Contains(s, "{addr2}") {
			pairs = append(pairs, "{addr2}", p.client.second())
		}
	}
	if p.actor == ClientActor && p.got != nil {
		if keys := p.got.values("Sec-WebSocket-Key"); len(keys) > 0 {
			pairs = append(pairs, acceptNames(keys[0])...)
		}
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
