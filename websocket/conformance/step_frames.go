package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

func init() {
	expects["begins"] = expectBegins
	expects["any"] = expectAny
	expects["amid"] = expectAmid
	expects["only"] = expectOnlyPings
	expects["error"] = expectError
	expects["writers"] = expectWriters
	expects["cutoff"] = expectCutOff
	expects["over"] = expectOver
	expects["legal"] = expectLegal
	expects["alive"] = expectAlive
	expects["at"] = expectAtMost
	others["ignore"] = makeIgnore
	others["stop"] = makeStop
	others["switch"] = makeSwitch
}

// expectBegins waits for the first frame of a message that has several.
func expectBegins(_ *Case, rest string) (stepFunc, error) {
	opcode, ok := opcodes[rest]
	if !ok {
		return nil, fmt.Errorf("begins text, or begins binary, not %q", rest)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		f, err := p.w.frame(p.deadline(0))
		if err == io.EOF {
			return fmt.Errorf("got the end of the stream")
		}
		if err != nil {
			return err
		}
		if _, err := p.w.dec.add(f); err != nil {
			return err
		}
		if f.opcode != opcode || f.fin {
			return fmt.Errorf("got %s", f)
		}
		return nil
	}, nil
}

// expectAny is "any binary N": a message of N octets.
func expectAny(_ *Case, rest string) (stepFunc, error) {
	word, digits, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(digits)
	if err != nil || word != "text" && word != "binary" {
		return nil, fmt.Errorf("any text N, or any binary N, not %q", rest)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.one(gotMessage, p.deadline(0))
		if err == nil && (a.opcode != opcodes[word] || len(a.data) != n) {
			err = fmt.Errorf("got %s", a)
		}
		return err
	}, nil
}

// expectAmid waits for a Pong between two fragments of a message.
func expectAmid(_ *Case, rest string) (stepFunc, error) {
	payload, ok := strings.CutPrefix(rest, "pong")
	if !ok {
		return nil, fmt.Errorf("amid pong PAYLOAD, not %q", rest)
	}
	want, err := parseAtoms(payload)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.next(p.deadline(0))
		switch {
		case err != nil:
			return err
		case a.kind != gotPong || !bytes.Equal(a.data, want):
			return fmt.Errorf("got %s", a)
		case p.w.dec.open == 0:
			return fmt.Errorf("it came when no message was open")
		}
		return nil
	}, err
}

// expectOnlyPings is "only pings D": for so long Pings come, if anything does.
func expectOnlyPings(_ *Case, rest string) (stepFunc, error) {
	limit, ok := strings.CutPrefix(rest, "pings ")
	d, err := time.ParseDuration(limit)
	if err != nil || !ok {
		return nil, fmt.Errorf("only pings D, not %q", rest)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.next(time.Now().Add(d))
		switch {
		case errors.Is(err, errTimeout):
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("got %s", a)
	}, nil
}

// refusal is how the text begins that says what the library has against
// something that the application was asked to do.
const refusal = "error: "

func expectError(_ *Case, rest string) (stepFunc, error) {
	if rest != "" {
		return nil, fmt.Errorf("what the library says is its own affair")
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.one(gotMessage, p.deadline(0))
		if err == nil && (a.opcode != opText || !strings.HasPrefix(string(a.data), refusal)) {
			err = fmt.Errorf("got %s", a)
		}
		return err
	}, nil
}

// expectWriters is N M: N writers' M messages each. A message is of one octet,
// repeated, which says whose it is.
func expectWriters(_ *Case, rest string) (stepFunc, error) {
	var writers, each int
	if n, err := fmt.Sscanf(rest, "%d %d", &writers, &each); n != 2 {
		return nil, fmt.Errorf("writers N M: %w", err)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		came := map[byte]int{}
		for deadline, i := p.deadline(0), 0; i < writers*each; i++ {
			a, err := p.one(gotMessage, deadline)
			if err != nil {
				return fmt.Errorf("after %s: %w", count(i, "message"), err)
			}
			if len(a.data) == 0 || bytes.Count(a.data, a.data[:1]) != len(a.data) {
				return fmt.Errorf("got %s, in which messages are mixed", a)
			}
			if came[a.data[0]]++; came[a.data[0]] > each || len(came) > writers {
				return fmt.Errorf("got %s, which is one too many of its kind", a)
			}
		}
		return nil
	}, nil
}

// expectCutOff takes a Close with this code, or none, and then the end of TCP.
func expectCutOff(_ *Case, rest string) (stepFunc, error) {
	want, err := parseCodes(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		deadline := p.deadline(0)
		a, err := p.final(deadline)
		if err != nil || a.kind == gotEnd {
			return err
		}
		if err := want.judge(p, a); err != nil {
			return err
		}
		return p.end(false)
	}, err
}

// expectOver takes whatever a correct end does until TCP has ended.
func expectOver(*Case, string) (stepFunc, error) {
	return (*play).until, nil
}

func (p *play) until() error {
	if err := p.open(); err != nil {
		return err
	}
	p.w.closeWrite()
	for deadline := p.deadline(0); ; {
		a, err := p.next(deadline)
		if err != nil {
			return err
		}
		if a.kind == gotEnd {
			break
		}
	}
	p.msgs, p.pongs = nil, nil
	return nil
}

// expectLegal takes whatever a correct end does, and looks whether it goes on to
// work.
func expectLegal(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.until(); err != nil {
			return err
		}
		return p.alive()
	}, nil
}

// expectAlive looks whether the server goes on to work.
func expectAlive(*Case, string) (stepFunc, error) {
	return (*play).alive, nil
}

// alive has a server's plain echo answer on a fresh connection. A client is
// started for each case.
func (p *play) alive() error {
	if p.actor == ClientActor {
		return nil
	}
	plain := *p.run.server
	own := p.url
	p.url = &plain
	defer func() { p.url = own }()
	p.state = idle
	if err := p.open(); err != nil {
		return fmt.Errorf("afterwards %w", err)
	}
	p.sendFrame(&frameSpec{opcode: opText, fin: true, times: 1, payload: []byte("well?")}, `text "well?"`)
	_, err := p.message(opText, []byte("well?"))
	return err
}

// makeIgnore has messages come that nobody waits for.
func makeIgnore(_ *Case, rest string) (stepFunc, error) {
	if rest != "messages" {
		return nil, fmt.Errorf("ignore messages, not %q", rest)
	}
	return func(p *play) error {
		p.ignore = true
		return nil
	}, nil
}

// makeStop waits until the other end has taken all that was sent, or nothing
// more for a while, and drops the rest.
func makeStop(_ *Case, rest string) (stepFunc, error) {
	d, err := time.ParseDuration(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		p.w.stop(p.run.patient(d))
		return nil
	}, err
}

// expectAtMost is "at most N", octets that came since the suite went on to read.
func expectAtMost(_ *Case, rest string) (stepFunc, error) {
	digits, ok := strings.CutPrefix(rest, "most ")
	digits, mega := strings.CutSuffix(digits, "MiB")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return nil, fmt.Errorf("at most N, or at most NMiB")
	}
	if mega {
		n <<= 20
	}
	return func(p *play) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		came := 0
		for _, w := range p.wires {
			came += w.sinceRead()
		}
		if came > n {
			return fmt.Errorf("%s had been kept for the suite", count(came, "octet"))
		}
		return nil
	}, nil
}

// expectOrFail is an expectation of a message or a Pong, or else the failure of
// the connection, which ends the case.
func expectOrFail(text, fail string) (stepFunc, error) {
	want, err := parseCodes(fail)
	if err != nil {
		return nil, err
	}
	word, rest, _ := strings.Cut(text, " ")
	data, err := parseAtoms(rest)
	b := arrival{kind: gotMessage, opcode: opcodes[word], data: data}
	switch word {
	case "text", "binary":
	case "pong":
		b.kind, b.opcode = gotPong, 0
	default:
		return nil, fmt.Errorf("a message or a pong, or else the failure, not %q", word)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.either(b.kind, p.deadline(0))
		switch {
		case err != nil:
			return err
		case a.kind == gotClose || a.kind == gotEnd:
			if err := p.failed(a, &want); err != nil {
				return err
			}
			return errDone
		case a.opcode != b.opcode || !bytes.Equal(a.data, b.data):
			return fmt.Errorf("got %s", a)
		}
		return nil
	}, err
}

// free skips a case whose messages look back at others, where that was not
// agreed on.
func (p *play) free() error {
	if !p.c.takeover || p.agreed == nil {
		return nil
	}
	if t := p.agreed.sender(p.actor == ServerActor); !t.takeover || t.bits < 15 {
		return skipped{"the " + p.actor.String() + " does not let the suite look back at its messages"}
	}
	return nil
}

// restart has the client dial again, when it has ended.
func (p *play) restart() error {
	if p.w != nil {
		p.w.close()
	}
	if p.client.running && !p.client.ended(p.run.patient(p.run.within)) {
		return fmt.Errorf("the client has not ended, although its connection is gone")
	}
	p.client.dial(p.defaultURL())
	return p.openClient()
}

// makeSwitch has the steps be about another of the case's connections, which are
// counted from 0.
func makeSwitch(_ *Case, rest string) (stepFunc, error) {
	n, err := strconv.Atoi(rest)
	return func(p *play) error {
		if err := p.leftOver(); err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if n < 0 || n >= len(p.wires) {
			return fmt.Errorf("there are %s", count(len(p.wires), "connection"))
		}
		p.w, p.state = p.wires[n], opened
		p.msgs, p.pongs, p.allowed = nil, nil, nil
		return nil
	}, err
}
