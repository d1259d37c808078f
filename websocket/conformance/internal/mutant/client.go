package mutant

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// client is a client under test.
type client struct {
	fault
	ca  string
	url string
	set settings
	one sync.Mutex // held while a connection is being opened
	old string     // a fault: the first key
	// leaked are connections that a fault has forgotten to close.
	leaked []net.Conn
}

// Client runs a client with the fault of this name: it connects to the URL, does
// what its query asks for, echoes until the connection ends, and tells what it has
// seen if it is asked to. It trusts the authorities whose certificates are in the file
// ca.
func Client(ctx context.Context, rawURL, name, ca string) error {
	a, err := parseAddress(rawURL, fault(name))
	if err != nil {
		return err
	}
	c := &client{fault: fault(name), ca: ca, url: rawURL, set: readSettings(a.query, fault(name))}
	n := c.set.number("parallel", 1)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = c.again(ctx, a) })
	}
	all.Wait()
	if len(c.leaked) > 0 {
		<-ctx.Done() // the program goes on, and so do they
	}
	for _, nc := range c.leaked {
		nc.Close()
	}
	return errors.Join(errs...)
}

// again connects, and comes back after an abnormal end as often as it may.
func (c *client) again(ctx context.Context, a address) error {
	first, most := span(c.set.Values, "first", time.Second), span(c.set.Values, "most", time.Minute)
	for try := 0; ; try++ {
		e, err := c.connect(ctx, a)
		normal := err == nil && e.code == 1000 && !c.breaks("WS-7.2-01/normal")
		stubborn := c.breaks("WS-4.4-06") || c.breaks("WS-3-05") || c.breaks("WS-4.1-27/end")
		if (try >= c.set.number("reconnect", 0) || normal) && !stubborn || ctx.Err() != nil {
			return err
		}
		pause := min(first<<min(try, 20), most)
		switch {
		case stubborn:
			pause = 0
		case c.breaks("WS-7.2-01"):
			pause = first << min(2*try, 20) // there is no bound
		case !c.breaks("WS-7.2-01/fixed"):
			pause = time.Duration(mathrand.Int64N(int64(pause)) + 1)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// connect opens one connection and serves it until its end.
func (c *client) connect(ctx context.Context, a address) (ending, error) {
	within, cancel := context.WithTimeout(ctx, c.set.handshake)
	if slices.Contains([]string{"WS-4.1-11", "WS-4.1-11/stall", "WS-4.1-11/progress", "WS-4.1-11/tls", "WS-4.1-11/proxy", "WS-4.1-13/endless"}, string(c.fault)) {
		within, cancel = context.WithCancel(ctx) // the deadline does not cover all of it
	}
	o, err := c.openAlone(within, a)
	cancel()
	if err != nil {
		var r *refused
		if errors.As(err, &r) && c.set.Has("seen") {
			c.tell(ctx, r.query(c.fault))
		}
		return ending{}, err
	}
	stop := context.AfterFunc(ctx, func() { o.nc.Close() })
	defer stop()
	k := newConn(c.fault, o.nc, o.in, c.set, true)
	k.quit = ctx.Done()
	if o.terms != nil {
		k.compress(o.terms)
	}
	e := k.run()
	if c.set.Has("seen") {
		c.tell(ctx, fmt.Sprintf("code=%d&messages=%d&reason=%s", e.code, k.messages, url.QueryEscape(e.reason)))
	}
	return e, nil
}

// openAlone opens a connection while no other is being opened (RFC 6455 §4.1).
func (c *client) openAlone(ctx context.Context, a address) (*opened, error) {
	if !c.breaks("WS-4.1-07") {
		c.one.Lock()
		defer c.one.Unlock()
	}
	return c.open(ctx, a)
}

// opened is a connection that has been opened.
type opened struct {
	nc    net.Conn
	in    *bufio.Reader
	terms *terms
}

// open opens a connection, and follows redirects if it may.
func (c *client) open(ctx context.Context, a address) (*opened, error) {
	ask, err := c.prepare()
	if err != nil {
		return nil, err
	}
	most := min(c.set.number("redirects", 0), 10)
	switch {
	case c.breaks("WS-4.1-14"):
		most = 1
	case c.breaks("WS-4.1-14/loop"):
		most = 1 << 30
	}
	for hops := 0; ; hops++ {
		o, err := c.dial(ctx, a, ask)
		var r *refused
		if !errors.As(err, &r) || r.status/100 != 3 || hops >= most {
			return o, err
		}
		to, parseErr := a.resolve(r.fields.get("Location"), c.fault)
		if parseErr != nil || a.secure && !to.secure && !c.breaks("WS-4.1-14/downgrade") {
			return nil, err
		}
		if to.origin(c.fault) != a.origin(c.fault) && !c.breaks("WS-4.1-14/secrets") {
			ask = ask.without("Authorization", "Cookie")
		}
		a = to
	}
}

// dial makes one attempt.
func (c *client) dial(ctx context.Context, a address, ask asking) (*opened, error) {
	nc, err := c.reach(ctx, a)
	if err != nil {
		return nil, err
	}
	cut := context.AfterFunc(ctx, func() { nc.Close() })
	o, err := c.handshake(nc, a, ask)
	if !cut() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if c.breaks("WS-4.1-27/other") || c.breaks("WS-4.1-25/hang") { // waits for something better
			<-ctx.Done()
		}
		if c.breaks("WS-4.1-17/leak") {
			c.leaked = append(c.leaked, nc)
			return nil, err
		}
		nc.Close()
		return nil, err
	}
	return o, nil
}

// tell says what has been seen, by plain HTTP to where the URL leads.
func (c *client) tell(ctx context.Context, query string) {
	_, rest, _ := strings.Cut(c.url, "://")
	host := rest
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		host = rest[:at]
	}
	nc, err := (&net.Dialer{Timeout: writeTime}).DialContext(ctx, "tcp", host)
	if err != nil {
		return
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(writeTime))
	fmt.Fprintf(nc, "GET /seen?%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", query, host)
	_, _ = bufio.NewReader(nc).ReadString('\n')
}
