package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Steps about ordinary HTTP: requests that ask for no upgrade, and what can be
// said of any response.

// makePlain is "> plain METHOD TARGET": a request that has nothing but a Host.
func makePlain(c *Case, rest string) (stepFunc, error) {
	method, target, _ := strings.Cut(rest, " ")
	if !isToken(method) || target == "" {
		return nil, fmt.Errorf("an ordinary request is written: plain METHOD TARGET")
	}
	c.Client = false
	return nil, nil
}

func (p *play) sendPlain(rest string, edits []string) error {
	return p.sendMessage(&message{line: p.expand(rest) + " HTTP/1.1", fields: []string{p.expand("Host: {host}")}}, edits)
}

// expectWhen plays an expectation only if the last response has one of the
// statuses: when S… field Allow ~ GET.
func expectWhen(c *Case, rest string) (stepFunc, error) {
	word, then, _ := strings.Cut(rest, " ")
	st, err := parseStatuses(word)
	if err != nil {
		return nil, err
	}
	run, err := c.compileExpect(strings.TrimSpace(then))
	return func(p *play) error {
		if p.got == nil || !matches(st.strict, p.got.status) {
			return nil
		}
		return run(p)
	}, err
}

// expectLength wants the last response to have said where it ends.
func expectLength(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		if p.got == nil || len(p.got.values("Content-Length"))+len(p.got.values("Transfer-Encoding")) == 0 {
			return fmt.Errorf("the response has neither Content-Length nor Transfer-Encoding")
		}
		return nil
	}, nil
}

// expectBody is "body ATOMS", the whole of it, or "body without ATOMS".
func expectBody(_ *Case, rest string) (stepFunc, error) {
	text, without := strings.CutPrefix(rest, "without ")
	want, err := parseAtoms(text)
	return func(p *play) error {
		switch {
		case p.got == nil:
			return fmt.Errorf("there is no response yet")
		case without && bytes.Contains(p.got.body, want):
			return fmt.Errorf("the body is %s", short(p.got.body))
		case !without && !bytes.Equal(p.got.body, want):
			return fmt.Errorf("the body is %s", short(p.got.body))
		}
		return nil
	}, err
}

// expectAnswered takes any response; one that opens the connection has to be right.
func expectAnswered(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		h, err := p.readResponse(p.deadline(0))
		switch {
		case err != nil:
			return noAnswer(err)
		case h.status == 101:
			return p.judgeOpen(h)
		}
		return nil
	}, nil
}

// expectSame holds the last two responses against each other: both open the
// connection, on the same terms, or neither does.
func expectSame(_ *Case, rest string) (stepFunc, error) {
	if rest != "answer" {
		return nil, fmt.Errorf("same answer, not %q", rest)
	}
	return func(p *play) error {
		if p.got == nil || p.before == nil {
			return fmt.Errorf("there are no two responses yet")
		}
		if a, b := terse(p.before), terse(p.got); a != b {
			return fmt.Errorf("one answer is %s, the other %s", a, b)
		}
		return nil
	}, nil
}

// terse is what a response says about the connection.
func terse(h *head) string {
	if h.status != 101 {
		return "a refusal"
	}
	return fmt.Sprintf("101 with the subprotocol %q and the extension %q", h.values("Sec-WebSocket-Protocol"), h.values("Sec-WebSocket-Extensions"))
}

// expectUnless ends the case if the agreed terms have a parameter.
func expectUnless(_ *Case, rest string) (stepFunc, error) {
	return func(p *play) error {
		if strings.Contains(strings.Join(p.got.values("Sec-WebSocket-Extensions"), ","), rest) {
			return errDone
		}
		return nil
	}, nil
}

// nothingCame reports whether the connection ended without an octet.
func (p *play) nothingCame(err error) bool {
	return !errors.As(err, new(violation)) && (err == io.EOF || isReset(err)) && len(p.w.waiting()) == 0
}

// makeWritten waits until all that was sent has been taken over by the system.
func makeWritten(_ *Case, _ string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		p.w.drained(p.run.patient(p.run.within))
		return nil
	}, nil
}
