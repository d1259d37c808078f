package conformance

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Steps about a client that connects more than once.

// mostAgain is how often a client may come back before the suite has enough.
const mostAgain = 50

// nextOrEnd waits for a connection, or, and then it is nil, for the client to end.
func (s *clientSide) nextOrEnd(deadline time.Time) (net.Conn, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case nc := <-s.conns:
		return nc, nil
	case <-s.done:
		select {
		case nc := <-s.conns: // it connected, and ended at once
			return nc, nil
		default:
			return nil, nil
		}
	case <-timer.C:
		return nil, errors.New("the client neither ends nor connects again")
	case <-s.p.ctx.Done():
		return nil, errors.New("the case took too long")
	}
}

// noFurther waits for the client to end without a further connection.
func (p *play) noFurther() error {
	nc, err := p.client.nextOrEnd(p.deadline(0))
	if err == nil && nc != nil {
		p.attach(nc)
		err = errors.New("the client connects again")
	}
	return err
}

func expectEnded(*Case, string) (stepFunc, error) { return (*play).noFurther, nil }

func expectRedial(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.meetNext(); err != nil {
			return err
		}
		return p.readRequest()
	}, nil
}

// answerAlways gives the same response to all requests.
func (p *play) answerAlways(edits []string) error {
	for range mostAgain {
		if err := p.sendResponse(edits); err != nil {
			return err
		}
		p.w.closeWrite()
		nc, err := p.client.nextOrEnd(p.deadline(0))
		if err != nil || nc == nil {
			return err
		}
		if nc, err = p.client.secure(nc); err != nil {
			return err
		}
		p.attach(nc)
		if err := p.readRequest(); err != nil {
			return err
		}
	}
	return fmt.Errorf("the client tries again without end: %s so far", count(mostAgain, "request"))
}

// expectConnections is N..M.
func expectConnections(_ *Case, rest string) (stepFunc, error) {
	low, high, err := parseRange(rest)
	return func(p *play) error {
		if n := int(p.client.came.Load()); n < low || n > high {
			return fmt.Errorf("there were %s", count(n, "connection"))
		}
		return nil
	}, err
}

func parseRange(s string) (low, high int, err error) {
	from, to, _ := strings.Cut(s, "..")
	low, err1 := strconv.Atoi(from)
	high, err2 := strconv.Atoi(to)
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, fmt.Errorf("a range is written 1..5, not %q", s)
	}
	return low, high, nil
}

// expectResets is N FIRST MOST: the pauses of a client that comes back by itself
// (RFC 6455 §7.2.3).
func expectResets(_ *Case, rest string) (stepFunc, error) {
	var n int
	var firstText, mostText string
	if _, err := fmt.Sscanf(rest, "%d %s %s", &n, &firstText, &mostText); err != nil || n < 18 {
		return nil, fmt.Errorf("resets N FIRST MOST, N at least 18: %q", rest)
	}
	first, err1 := time.ParseDuration(firstText)
	most, err2 := time.ParseDuration(mostText)
	return func(p *play) error {
		var pauses []time.Duration
		for range n {
			p.w.reset()
			since := time.Now()
			if err := p.meetNext(); err != nil {
				return fmt.Errorf("after %s: %w", count(len(pauses)+1, "reset"), err)
			}
			pauses = append(pauses, time.Since(since))
			if err := p.readRequest(); err != nil {
				return err
			}
		}
		return judgePauses(pauses, first, most, p.run.patient(4*time.Second))
	}, errors.Join(err1, err2)
}

// judgePauses looks at pauses that should be random up to a bound which grows
// from first to most. By chance a right client fails once in 300,000 times.
func judgePauses(pauses []time.Duration, first, most, slack time.Duration) error {
	for i, d := range pauses {
		if d > most+slack {
			return fmt.Errorf("the pause before attempt %d was %v", i+1, d.Round(time.Millisecond))
		}
	}
	last := slices.Clone(pauses[4:]) // by then the bound is most
	var sum time.Duration
	for _, d := range last {
		sum += d
	}
	slices.Sort(last)
	// A busy machine makes some pauses longer: three do not count, at either end.
	spread := last[len(last)-4] - last[3]
	switch {
	case sum < time.Duration(len(last))*max(first, most/8):
		return fmt.Errorf("the pauses do not grow: %v at the end, in their order by length", last)
	case spread < most/20:
		return fmt.Errorf("the pauses are not random: %v at the end, in their order by length", last)
	}
	return nil
}

// expectOneAtATime is "at a time N D" behind one.
func expectOneAtATime(_ *Case, rest string) (stepFunc, error) {
	var n int
	var text string
	if _, err := fmt.Sscanf(rest, "at a time %d %s", &n, &text); err != nil {
		return nil, fmt.Errorf("one at a time N D, not %q", rest)
	}
	d, err := time.ParseDuration(text)
	return func(p *play) error {
		if !p.client.running {
			p.client.dial(p.defaultURL())
		}
		for i := range n {
			if err := p.meetNext(); err != nil {
				return fmt.Errorf("after %s: %w", count(i, "connection"), err)
			}
			if err := p.readRequest(); err != nil {
				return err
			}
			select {
			case nc := <-p.client.conns:
				p.attach(nc)
				return fmt.Errorf("connection %d came while %d was not yet answered", i+2, i+1)
			case <-time.After(d):
			case <-p.ctx.Done():
				return errors.New("the case took too long")
			}
			if err := p.sendResponse(nil); err != nil {
				return err
			}
		}
		return nil
	}, err
}
