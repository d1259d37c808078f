package client

import "time"

// badFor is how long a transport that did not get through is left out.
const badFor = time.Hour

// record is what is known of a transport.
type record struct {
	worked bool // it has held a session
	doubts int  // attempts that spoke against it since, weighed
	bad    bool
	until  time.Time // bad: then it is tried again
}

// choice says which transport to use. A transport is given up for the next one
// when attempts speak against it: the first that does so clearly, if it has never
// worked; more of them if it has, since a server that comes and goes looks much the
// same from outside.
type choice struct {
	order   []Transport
	records map[Transport]*record
}

func newChoice(order []Transport) *choice {
	c := &choice{order: order, records: make(map[Transport]*record)}
	for _, t := range order {
		c.records[t] = new(record)
	}
	return c
}

// pick returns the transport to try now.
func (c *choice) pick() Transport {
	for _, t := range c.order {
		if r := c.records[t]; !r.bad || !time.Now().Before(r.until) {
			r.bad = false
			return t
		}
	}
	return c.order[0] // failed keeps one that is not bad
}

// works notes that t holds a session.
func (c *choice) works(t Transport) {
	*c.records[t] = record{worked: true}
}

// failed notes an attempt with t that came to nothing. It reports whether the next
// attempt is with another transport that has its turn now; if none is left all of
// them get another chance, after a pause.
func (c *choice) failed(t Transport, d doubt) bool {
	r := c.records[t]
	enough := 2
	switch {
	case r.worked && d == weak:
		return false
	case r.worked:
		enough = 6
	}
	r.doubts += [...]int{none: 0, weak: 1, fair: 1, sure: 2}[d]
	if r.doubts < enough {
		return false
	}
	r.doubts, r.bad, r.until = 0, true, time.Now().Add(badFor)
	for _, t := range c.order {
		if !c.records[t].bad {
			return true
		}
	}
	for _, r := range c.records {
		r.bad = false
	}
	return false
}
