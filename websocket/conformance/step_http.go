package conformance

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// statuses are those that an expectation takes. Among those of a refusal may be
// "end", the end of TCP without an answer; ~101 tolerates that the connection opens.
type statuses struct {
	strict, tolerated []string
}

func parseStatuses(s string) (st statuses, err error) {
	for word := range strings.FieldsSeq(s) {
		list := &st.strict
		if w, ok := strings.CutPrefix(word, "~"); ok {
			word, list = w, &st.tolerated
		}
		if _, err := strconv.Atoi(strings.TrimSuffix(word, "xx")); err != nil && word != "end" {
			return st, fmt.Errorf("%q is no status", word)
		}
		*list = append(*list, word)
	}
	if len(st.strict)+len(st.tolerated) == 0 {
		return st, fmt.Errorf("which status?")
	}
	return st, nil
}

func matches(list []string, status int) bool {
	return slices.ContainsFunc(list, func(s string) bool {
		return s == strconv.Itoa(status) || strings.HasSuffix(s, "xx") && s[0] == byte('0'+status/100)
	})
}

// judge holds a refusal against them. In interop mode any status that refuses
// will do (RFC 6455 §4.2.1 leaves it open).
func (st *statuses) judge(p *play, h *head) error {
	switch {
	case h.status == 101 && !p.run.o.Strict && slices.Contains(st.tolerated, "101"):
		if err := p.judgeOpen(h); err != nil {
			return err
		}
		p.tolerate("the connection opened")
		return errDone
	case h.status == 101:
		return fmt.Errorf("the connection opened")
	case matches(st.strict, h.status):
	case !p.run.o.Strict && (matches(st.tolerated, h.status) || h.status >= 400):
		p.tolerate("refused with %d", h.status)
	default:
		return fmt.Errorf("the answer is %q %s", h.start, short(h.body))
	}
	return nil
}

// failed judges an error in place of a response.
func (st *statuses) failed(p *play, err error) error {
	switch {
	case !p.nothingCame(err):
	case slices.Contains(st.strict, "end"):
		return nil
	case !p.run.o.Strict && slices.Contains(st.tolerated, "end"):
		p.tolerate("the connection ended without an answer")
		return nil
	}
	return noAnswer(err)
}

func expectOpen(_ *Case, rest string) (stepFunc, error) {
	if rest == "" {
		return func(p *play) error {
			if p.request == nil {
				return p.openServer()
			}
			return p.expectOpen(p.deadline(0))
		}, nil
	}
	rest, ok := strings.CutPrefix(rest, "or ")
	if !ok {
		return nil, fmt.Errorf("open, or: open or refused STATUS, or: open or end")
	}
	st, err := parseStatuses(strings.TrimPrefix(rest, "refused "))
	return func(p *play) error {
		h, err := p.readResponse(p.deadline(0))
		switch {
		case err != nil:
			err = st.failed(p, err)
		case h.status == 101:
			return p.judgeOpen(h)
		default:
			err = st.judge(p, h)
		}
		if err != nil {
			return err
		}
		return errDone
	}, err
}

func expectRefused(orEnd bool) maker {
	return func(_ *Case, rest string) (stepFunc, error) {
		st, err := parseStatuses(rest)
		if orEnd {
			st.strict = append(st.strict, "end")
		}
		return func(p *play) error {
			if err := p.ready(); err != nil {
				return err
			}
			if p.request == nil {
				p.request = p.baseRequest() // octets were sent in its place
			}
			h, err := p.readResponse(p.deadline(0))
			if err != nil {
				return st.failed(p, err)
			}
			return st.judge(p, h)
		}, err
	}
}

// noAnswer says what came instead of a response.
func noAnswer(err error) error {
	switch {
	case err == io.EOF:
		return fmt.Errorf("the connection ended without a response")
	case isReset(err):
		return fmt.Errorf("no response: %w", err)
	}
	return err
}

func expectStatus(_ *Case, rest string) (stepFunc, error) {
	st, err := parseStatuses(rest)
	return func(p *play) error {
		h, err := p.readResponse(p.deadline(0))
		if err != nil {
			return noAnswer(err)
		}
		if !matches(st.strict, h.status) && (p.run.o.Strict || !matches(st.tolerated, h.status)) {
			return fmt.Errorf("the answer is %q %s", h.start, short(h.body))
		}
		return nil
	}, err
}

// expectField reads NAME, NAME: VALUE, or NAME ~ TEXT.
func expectField(_ *Case, rest string) (stepFunc, error) {
	name, part, contains := strings.Cut(rest, " ~ ")
	exact := false
	if !contains {
		name, part, exact = strings.Cut(rest, ":")
	}
	name, part = strings.TrimSpace(name), strings.TrimSpace(part)
	return func(p *play) error {
		if p.got == nil {
			return fmt.Errorf("there is no message yet")
		}
		got, want := p.got.values(name), plainText(p.expand(part))
		switch {
		case len(got) == 0:
			return fmt.Errorf("there is no field %s", name)
		case exact && (len(got) != 1 || !slices.Contains(strings.Split(want, " | "), got[0])):
			return fmt.Errorf("got %s: %q", name, got)
		case contains && !strings.Contains(strings.ToLower(strings.Join(got, ", ")), strings.ToLower(want)):
			return fmt.Errorf("got %s: %q", name, got)
		}
		return nil
	}, nil
}

// expectNo is "no field NAME" and "no connection".
func expectNo(c *Case, rest string) (stepFunc, error) {
	if rest == "connection" || rest == "connection ~request" {
		c.Server = false
		return func(p *play) error { return p.noConnection(rest != "connection") }, nil
	}
	name, ok := strings.CutPrefix(rest, "field ")
	if !ok {
		return nil, fmt.Errorf("no field NAME, or no connection")
	}
	return func(p *play) error {
		if p.got == nil {
			return fmt.Errorf("there is no message yet")
		}
		if got := p.got.values(name); len(got) > 0 {
			return fmt.Errorf("got %s: %q", name, got)
		}
		return nil
	}, nil
}

func expectClosed(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		err := p.w.await(p.deadline(0), func(in []byte) bool { return len(in) > 0 })
		switch {
		case err == nil:
			return fmt.Errorf("got %s", short(p.w.waiting()))
		case err == errTimeout:
			return err
		}
		return nil
	}, nil
}

func expectSubprotocol(_ *Case, rest string) (stepFunc, error) {
	return func(p *play) error {
		got := p.got.values("Sec-WebSocket-Protocol")
		if rest == "none" && len(got) == 0 || len(got) == 1 && slices.Contains(strings.Split(rest, "|"), got[0]) {
			return nil
		}
		return fmt.Errorf("got %q", got)
	}, nil
}

func expectExtension(_ *Case, rest string) (stepFunc, error) {
	if !slices.Contains([]string{"none", "legal", "agreed"}, rest) {
		return nil, fmt.Errorf("an extension is none, legal or agreed")
	}
	return func(p *play) error {
		switch got := p.got.values("Sec-WebSocket-Extensions"); {
		case rest == "none" && len(got) > 0:
			return fmt.Errorf("got %q", got)
		case rest == "agreed" && p.agreed == nil:
			return skipped{"the server declines the offer " + p.fieldsSent("Sec-WebSocket-Extensions")}
		}
		return nil // an answer has been judged when the connection opened
	}, nil
}
