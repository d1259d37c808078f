package conformance

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

func expectMessage(opcode byte) maker {
	return func(_ *Case, rest string) (stepFunc, error) {
		rest, times, _ := cutTimes(rest)
		want, err := parseAtoms(rest)
		return func(p *play) error {
			for i := range times {
				if _, err := p.message(opcode, want); err != nil {
					if times > 1 {
						return fmt.Errorf("after %s: %w", count(i, "message"), err)
					}
					return err
				}
			}
			return nil
		}, err
	}
}

// message waits for a message, which has to be this one.
func (p *play) message(opcode byte, want []byte) (*arrival, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	a, err := p.one(gotMessage, p.deadline(0))
	if err != nil {
		return nil, err
	}
	if a.opcode != opcode || !bytes.Equal(a.data, want) {
		return nil, fmt.Errorf("got %s%s", a, difference(a.data, want))
	}
	return a, nil
}

// difference says where two long payloads part.
func difference(got, want []byte) string {
	if len(got) < 48 && len(want) < 48 {
		return ""
	}
	n := min(len(got), len(want))
	at := 0
	for at < n && got[at] == want[at] {
		at++
	}
	return fmt.Sprintf(", which differs from what was sent at octet %d (%d octets, not %d)", at, len(got), len(want))
}

func expectPong(_ *Case, rest string) (stepFunc, error) {
	want, err := parseAtoms(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.one(gotPong, p.deadline(0))
		if err == nil && !bytes.Equal(a.data, want) {
			err = fmt.Errorf("got %s", a)
		}
		return err
	}, err
}

func expectMaybe(_ *Case, rest string) (stepFunc, error) {
	word, rest, _ := strings.Cut(rest, " ")
	data, err := parseAtoms(rest)
	a := arrival{data: data}
	switch word {
	case "error":
		a.kind, a.opcode, a.data, a.prefix = gotMessage, opText, []byte(refusal), true
	case "text", "binary":
		a.kind, a.opcode = gotMessage, opcodes[word]
	case "pong":
		a.kind = gotPong
	default:
		return nil, fmt.Errorf("maybe a text, a binary, a pong or an error, not %q", word)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		p.allowed = append(p.allowed, &a)
		return nil
	}, err
}

// expectPongs wants an answer to the last of several Pings, and allows the
// others' in their order (RFC 6455 §5.5.3).
func expectPongs(_ *Case, rest string) (stepFunc, error) {
	pings, err := parseAtomList(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		for next, deadline := 0, p.deadline(0); next < len(pings); {
			a, err := p.one(gotPong, deadline)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(pings[next:], func(b []byte) bool { return bytes.Equal(a.data, b) })
			if i < 0 {
				return fmt.Errorf("got %s", a)
			}
			next += i + 1
		}
		return nil
	}, err
}

func expectPing(_ *Case, _ string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		for deadline := p.deadline(0); p.pings == 0; {
			a, err := p.w.arrival(deadline)
			switch {
			case err != nil:
				return err
			case a.kind == gotPing:
				p.answerPing(a)
			case a.kind == gotMessage:
				p.msgs = append(p.msgs, a)
			case a.kind == gotPong:
				p.pongs = append(p.pongs, a)
			default:
				return fmt.Errorf("got %s", a)
			}
		}
		p.pings--
		return nil
	}, nil
}

// expectFrame looks at the octets of the next frame's header.
func expectFrame(_ *Case, rest string) (stepFunc, error) {
	want, err := parseAtoms(rest)
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
		header := bytes.Clone(f.header)
		if f.masked {
			header = header[:len(header)-4]
			header[1] &= 0x7F
		}
		if _, err := p.w.dec.add(f); err != nil {
			return err
		}
		if !bytes.HasPrefix(header, want) {
			return fmt.Errorf("got a frame that begins with %s", hex.EncodeToString(header))
		}
		return nil
	}, err
}

func expectClose(_ *Case, rest string) (stepFunc, error) {
	want, err := parseCodes(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.final(p.deadline(0))
		if err == nil {
			err = want.judge(p, a)
		}
		return err
	}, err
}

func expectEnd(fin bool) maker {
	return func(*Case, string) (stepFunc, error) {
		return func(p *play) error {
			if err := p.open(); err != nil {
				return err
			}
			return p.end(fin)
		}, nil
	}
}

// end waits for the end of TCP.
func (p *play) end(fin bool) error {
	a, err := p.final(p.deadline(0))
	switch {
	case err != nil:
		return err
	case a.kind == gotClose && !fin && !p.run.o.Strict:
		p.tolerate("%s before the end of TCP", a)
		return p.end(fin) // behind another Close nothing comes
	case a.kind != gotEnd || fin && a.reset:
		return fmt.Errorf("got %s", a)
	}
	return nil
}

func expectReply(_ *Case, rest string) (stepFunc, error) {
	want, err := parseCodes(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.final(p.deadline(0))
		if err == nil {
			err = want.judge(p, a)
			if err != nil && p.closing && !p.run.o.Strict && a.kind == gotClose && a.code == 0 && !want.hasReason {
				p.tolerate("the answer to the Close has no code") // it has it typically, says RFC 6455 §5.5.1
				err = nil
			}
		}
		if err != nil {
			return err
		}
		if p.actor == ClientActor {
			p.w.closeWrite() // it is the server that closes TCP first (RFC 6455 §7.1.1)
		}
		return p.end(false)
	}, err
}

func expectFail(_ *Case, rest string) (stepFunc, error) {
	want, err := parseCodes(rest)
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		a, err := p.final(p.deadline(0))
		if err != nil {
			return err
		}
		return p.failed(a, &want)
	}, err
}

// failed judges the Close, or the end, with which the connection failed.
func (p *play) failed(a *arrival, want *codes) error {
	if a.kind == gotEnd && !p.run.o.Strict {
		p.tolerate("TCP ended without a Close (RFC 6455 §7.1.7)")
		return nil
	}
	switch err := want.judge(p, a); {
	case err != nil && !p.run.o.Strict && a.kind == gotClose && a.code > 1001 && !want.hasReason:
		p.tolerate("%s, where another code fits", a) // as none is a MUST, neither is the right one
	case err != nil:
		return err
	}
	if !p.run.o.Strict {
		// An end that finishes the closing handshake is not made to wait.
		p.sendFrame(&frameSpec{opcode: opClose, fin: true, times: 1, payload: []byte{byte(a.code >> 8), byte(a.code)}}, "close, as an answer")
		p.w.closeWrite()
	}
	return p.end(false)
}

func expectNothing(_ *Case, rest string) (stepFunc, error) {
	d, err := time.ParseDuration(rest)
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		p.w.drained(p.run.patient(d))
		err := p.w.await(time.Now().Add(d), func(in []byte) bool { return len(in) > 0 })
		switch {
		case err == errTimeout:
			return nil
		case err != nil:
			return fmt.Errorf("got %s", &arrival{kind: gotEnd, reset: err != io.EOF})
		}
		return fmt.Errorf("got %s", short(p.w.waiting()))
	}, err
}

func expectCompressed(alone bool) maker {
	return func(_ *Case, rest string) (stepFunc, error) {
		word, rest, _ := strings.Cut(rest, " ")
		want, err := parseAtoms(rest)
		if word != "text" && word != "binary" {
			return nil, fmt.Errorf("a text or a binary, not %q", word)
		}
		return func(p *play) error {
			a, err := p.message(opcodes[word], want)
			switch {
			case err != nil:
				return err
			case !a.compressed && !p.run.o.Strict:
				return skipped{"the " + p.actor.String() + " sends this uncompressed, as it may"}
			case !a.compressed:
				return fmt.Errorf("it came uncompressed")
			case alone && !a.alone:
				return fmt.Errorf("it looks back at messages before it")
			}
			return nil
		}, err
	}
}

func expectPlain(_ *Case, rest string) (stepFunc, error) {
	word, rest, _ := strings.Cut(rest, " ")
	want, err := parseAtoms(rest)
	return func(p *play) error {
		a, err := p.message(opcodes[word], want)
		if err == nil && a.compressed {
			err = fmt.Errorf("it came compressed")
		}
		return err
	}, err
}

func expectDistance(_ *Case, rest string) (stepFunc, error) {
	n, err := strconv.Atoi(rest)
	return func(p *play) error {
		switch far := p.w.dec.farthest; {
		case far > n:
			return fmt.Errorf("a message looks back %d octets", far)
		case far == 0 && p.run.o.Strict:
			return fmt.Errorf("no message looks back at all")
		case far == 0:
			return skipped{"no message looks back at all"}
		}
		return nil
	}, err
}
