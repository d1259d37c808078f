package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// ledger is one channel with one publisher, who numbers what he publishes from 1 and
// waits for each answer.
type ledger struct {
	channel string
	started atomic.Int64 // the number that was last sent to the server
	taken   atomic.Int64 // the number that the server last confirmed
}

// view is what one subscriber has seen of a ledger.
type view struct {
	l    *ledger
	base int64 // what was begun before the subscription was known may not come
	last int64 // 0: nothing yet
}

// from is the view of a subscriber who learns just now that it is one.
func (l *ledger) from() view { return view{l: l, base: l.started.Load()} }

// see takes a message. Nothing may be missing, and nothing comes twice.
func (v *view) see(n int64) error {
	switch {
	case v.last == 0 && n > v.base+1:
		return fmt.Errorf("%s: the first message is %d, but all from %d on should be there", v.l.channel, n, v.base+1)
	case v.last != 0 && n != v.last+1:
		return fmt.Errorf("%s: %d came behind %d", v.l.channel, n, v.last)
	}
	v.last = n
	return nil
}

// complete tells whether everything up to n is there that has to be.
func (v *view) complete(n int64) bool { return v.last >= n || n <= v.base }

// order holds the ids of a session's messages against each other: they ascend (an
// id is an epoch and a sequence).
type order struct {
	epoch string
	last  uint64
}

// see takes the id of a message; one without stands outside the order.
func (o *order) see(id string) error {
	if id == "" {
		return nil
	}
	epoch, number, ok := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	switch {
	case !ok || err != nil:
		return errors.Join(fmt.Errorf("the id %q has no sequence", id), err)
	case o.epoch != "" && epoch != o.epoch:
		return fmt.Errorf("the id %q has another epoch than %q", id, o.epoch)
	case n <= o.last:
		return fmt.Errorf("the id %q came behind %s-%d", id, o.epoch, o.last)
	}
	o.epoch, o.last = epoch, n
	return nil
}
