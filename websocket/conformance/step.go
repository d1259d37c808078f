package conformance

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A maker makes a step of the words behind its verb.
type maker func(c *Case, rest string) (stepFunc, error)

// Verbs: what the suite sends (>), what it expects (<), and everything else.
var sends, expects, others map[string]maker

func init() {
	sends = map[string]maker{
		"raw": makeRaw, "request": makeRequest, "plain": makePlain, "response": makeResponse,
	}
	expects = map[string]maker{
		"text": expectMessage(opText), "binary": expectMessage(opBinary), "pong": expectPong, "maybe": expectMaybe, "pongs": expectPongs,
		"ping": expectPing, "frame": expectFrame, "close": expectClose, "end": expectEnd(false), "fin": expectEnd(true), "reply": expectReply,
		"fail": expectFail, "nothing": expectNothing, "within": nil,
		"open": expectOpen, "refused": expectRefused(false), "refused-or-end": expectRefused(true), "status": expectStatus, "field": expectField,
		"when": expectWhen, "length": expectLength, "body": expectBody, "answered": expectAnswered, "same": expectSame, "unless": expectUnless,
		"no": expectNo, "closed": expectClosed, "subprotocol": expectSubprotocol, "extension": expectExtension,
		"request": expectRequest, "line": expectLine, "opened": expectOpened, "dial-error": expectDialError,
		"compressed": expectCompressed(false), "alone": expectCompressed(true), "plain": expectPlain, "distance": expectDistance, "seen": expectSeen, "fresh": expectFresh,
		"first": clientOnly(expectFirst), "list": clientOnly(expectList), "gives": clientOnly(expectGivesUp), "refusal": clientOnly(expectRefusal),
		"tls-error": clientOnly(expectTLSError), "sni": clientOnly(expectSNI), "alpn": clientOnly(expectALPN), "connect": clientOnly(expectConnect),
		"redial": clientOnly(expectRedial), "ended": clientOnly(expectEnded), "connections": clientOnly(expectConnections),
		"resets": clientOnly(expectResets), "one": clientOnly(expectOneAtATime),
	}
	others = map[string]maker{
		"cut": makeCut, "slow": makeSlow, "fin": simple(func(p *play) { p.w.closeWrite() }), "rst": simple(func(p *play) { p.w.reset() }),
		"hold": simple(func(p *play) { p.w.hold(true) }), "read": simple(func(p *play) { p.w.hold(false) }),
		"mute":    func(*Case, string) (stepFunc, error) { return func(p *play) error { p.mute = true; return nil }, nil },
		"written": makeWritten, "pause": makePause, "reopen": makeReopen, "connect": makeConnect, "dial": makeDial, "dials": makeDials,
		"listen": clientOnly(makeListen), "tls": clientOnly(makeTLS), "endless": clientOnly(makeEndless),
	}
}

// compile makes a step ready to be played.
func (c *Case) compile(s Step) (stepFunc, error) {
	text := s.Text
	switch {
	case strings.HasPrefix(text, ">"):
		back := strings.HasPrefix(text, ">>")
		return c.compileSend(strings.TrimSpace(strings.TrimLeft(text, ">")), s.Text, back, s.Edits)
	case strings.HasPrefix(text, "<"):
		return c.compileExpect(strings.TrimSpace(text[1:]))
	default:
		word, rest, _ := strings.Cut(text, " ")
		m := others[word]
		if m == nil {
			return nil, fmt.Errorf("there is no step %q", word)
		}
		return m(c, strings.TrimSpace(rest))
	}
}

func (c *Case) compileSend(text, whole string, back bool, edits []string) (stepFunc, error) {
	word, rest, _ := strings.Cut(text, " ")
	if m := sends[word]; m != nil {
		run, err := m(c, strings.TrimSpace(rest))
		switch {
		case err != nil:
			return nil, err
		case word == "raw":
			return keepBack(run, back), nil
		case word == "request":
			return func(p *play) error { return p.sendRequest(edits) }, nil
		case word == "plain":
			return keepBack(func(p *play) error { return p.sendPlain(strings.TrimSpace(rest), edits) }, back), nil
		}
		if rest != "" {
			return func(p *play) error { return p.answerAlways(edits) }, nil
		}
		return keepBack(func(p *play) error { return p.sendResponse(edits) }, back), nil
	}
	f, err := c.parseFrame(text)
	if err != nil {
		return nil, err
	}
	what := strings.TrimSpace(strings.TrimLeft(whole, ">"))
	return keepBack(func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		p.closing = p.closing || f.opcode == opClose
		p.w.send(f.append(nil, p.actor == ServerActor), f.times, what)
		return nil
	}, back), nil
}

// keepBack has what a step sends wait for the next one.
func keepBack(run stepFunc, back bool) stepFunc {
	if !back {
		return run
	}
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		p.w.keep = true
		defer func() { p.w.keep = false }()
		return run(p)
	}
}

func (c *Case) compileExpect(text string) (stepFunc, error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if word == "within" {
		limit, then, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(limit)
		if err != nil {
			return nil, err
		}
		run, err := c.compileExpect(strings.TrimSpace(then))
		return func(p *play) error {
			p.limit = d
			defer func() { p.limit = 0 }()
			return run(p)
		}, err
	}
	if then, codes, ok := strings.Cut(text, " or fail "); ok {
		return expectOrFail(then, codes)
	}
	m := expects[word]
	if m == nil {
		return nil, fmt.Errorf("nothing is called %q that could be expected", word)
	}
	return m(c, rest)
}

// simple is a step that needs an open connection and no more.
func simple(f func(*play)) maker {
	return func(_ *Case, rest string) (stepFunc, error) {
		if rest != "" {
			return nil, fmt.Errorf("this step stands alone, without %q", rest)
		}
		return func(p *play) error {
			err := p.ready()
			if err == nil {
				f(p)
			}
			return err
		}, nil
	}
}

func makeRaw(_ *Case, rest string) (stepFunc, error) {
	rest, times, _ := cutTimes(rest)
	b, err := parseAtoms(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		p.w.send(b, times, "")
		return nil
	}, err
}

func makeRequest(c *Case, rest string) (stepFunc, error) {
	if rest != "" {
		return nil, fmt.Errorf("what changes the request stands below it, behind |")
	}
	c.Client = false
	return nil, nil
}

func makeResponse(c *Case, rest string) (stepFunc, error) {
	if rest != "" && rest != "always" {
		return nil, fmt.Errorf("a response, or one that is given always; what changes it stands below it, behind |")
	}
	c.Server = false
	return nil, nil
}

func makeCut(_ *Case, rest string) (stepFunc, error) {
	n, err := strconv.Atoi(rest)
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		p.w.cut, p.w.pause = n, 0
		return nil
	}, err
}

func makeSlow(_ *Case, rest string) (stepFunc, error) {
	n, pause, _ := strings.Cut(rest, " ")
	octets, err := strconv.Atoi(n)
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(strings.TrimSpace(pause))
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		p.w.cut, p.w.pause = octets, d
		return nil
	}, err
}

func makePause(_ *Case, rest string) (stepFunc, error) {
	d, err := time.ParseDuration(rest)
	return func(p *play) error {
		if p.w != nil {
			p.w.drained(d)
		}
		select {
		case <-time.After(d):
		case <-p.ctx.Done():
		}
		return nil
	}, err
}

func makeConnect(c *Case, _ string) (stepFunc, error) {
	c.Client = false
	return (*play).connect, nil
}

func makeReopen(c *Case, _ string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.leftOver(); err != nil {
			return err
		}
		p.state = idle
		if p.actor == ClientActor {
			return p.restart()
		}
		return p.open()
	}, nil
}
