package load

import (
	"fmt"
	"time"
)

// whole is what a batch comes back as: messages, or octets of a raw target.
func (f *Fleet) whole() int {
	if f.target.Raw {
		return f.want * f.pattern.Outstanding
	}
	return f.pattern.Outstanding
}

// back counts what came back on a connection, and reports whether that is all of its
// batch.
func (f *Fleet) back(id int32, messages int) (bool, error) {
	l := &f.links[id]
	l.got += messages
	switch whole := f.whole(); {
	case l.got < whole:
		return false, nil
	case l.got > whole:
		return false, fmt.Errorf("load: %d came back instead of %d", l.got, whole)
	}
	l.got = 0
	return true, nil
}

// Begin has every connection send its first batch.
func (f *Fleet) Begin() error {
	for i := range f.links {
		if err := f.send(int32(i)); err != nil {
			return err
		}
	}
	return nil
}

// Run keeps the messages going for as long as d, and until there is a batch that has
// come back, and returns how many messages have. A connection sends its next batch when
// it has all of the last.
func (f *Fleet) Run(d time.Duration) (messages int, err error) {
	next := func(id int32, n int) error {
		all, err := f.back(id, n)
		if err != nil || !all {
			return err
		}
		messages += f.pattern.Outstanding
		return f.send(id)
	}
	for end := time.Now().Add(d); messages == 0 || time.Now().Before(end); {
		if err := f.wait(next); err != nil {
			return messages, err
		}
	}
	return messages, nil
}

// Exchange has each connection from number first on send one batch and get it back.
func (f *Fleet) Exchange(first int) error {
	waiting := 0
	arrived := func(id int32, n int) error {
		all, err := f.back(id, n)
		if all {
			waiting--
		}
		return err
	}
	for i := first; i < len(f.links); i++ {
		if err := f.send(int32(i)); err != nil {
			return err
		}
		waiting++
		for waiting > inFlight || waiting > 0 && i == len(f.links)-1 {
			if err := f.wait(arrived); err != nil {
				return err
			}
		}
	}
	return nil
}

// Broadcast calls order, which makes the server send one message of the pattern's
// size to everybody, waits until all have it, and does so again for as long as d. It
// returns how many messages were delivered.
func (f *Fleet) Broadcast(order func() error, d time.Duration) (deliveries int, err error) {
	missing := 0
	arrived := func(id int32, n int) error {
		l := &f.links[id]
		if l.got += n; l.got != f.round {
			return fmt.Errorf("load: a connection has %d messages of %d broadcasts", l.got, f.round)
		}
		missing--
		deliveries++
		return nil
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		f.round++
		if err := order(); err != nil {
			return deliveries, err
		}
		for missing = len(f.links); missing > 0; {
			if err := f.wait(arrived); err != nil {
				return deliveries, err
			}
		}
	}
	return deliveries, nil
}
