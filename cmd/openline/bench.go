package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/internal/load"
)

// benchCmd is openline bench.
type benchCmd struct {
	Fanout     benchFanoutCmd     `cmd:"" help:"Publish to a channel that all sessions are subscribed to."`
	Unicast    benchUnicastCmd    `cmd:"" help:"Send to one user after the other."`
	Connect    benchConnectCmd    `cmd:"" help:"Open sessions as fast as the server takes them."`
	Idle       benchIdleCmd       `cmd:"" help:"Open sessions, leave them alone and see what one costs in memory."`
	Transports benchTransportsCmd `cmd:"" help:"Play the same load over each transport and compare what it costs."`
	Resume     benchResumeCmd     `cmd:"" help:"Have very many sessions come back at once for what they have missed, beside a channel that goes on."`
	Storm      benchStormCmd      `cmd:"" hidden:"" help:"The part of resume that comes back, which is a process of its own."`
}

// Help is what openline bench --help says beyond its commands.
func (benchCmd) Help() string {
	return `Loads any Openline server and says what came of it. Every message is numbered and carries the time at which it was
due: what is lost, comes twice or comes late is counted. Sessions have users of their own, bench-0, bench-1 and so on.

One process holds as many sessions as it may open files (ulimit -n). With --pid, of a server on this machine, the
report has its CPU time and memory; give the two a processor each (taskset) for figures that can be compared.

The exit code is 0 when every session was opened and every message came exactly once, else 1.`
}

// benchFlags are what most loads have in common.
type benchFlags struct {
	benchTarget
	benchCrowd
	benchTransport
}

// benchTransport is how sessions get their messages.
type benchTransport struct {
	Transport    string        `default:"websocket" enum:"websocket,sse,stream,poll" placeholder:"NAME" help:"How sessions get their messages: websocket, sse, stream or poll. Default: websocket."`
	PollInterval time.Duration `placeholder:"DURATION" help:"With poll: ask after that time, instead of having requests held until there is something."`
}

// kind is the transport as a load knows it.
func (t *benchTransport) kind() load.Transport {
	switch {
	case t.Transport == "sse":
		return load.EventSource
	case t.Transport == "stream":
		return load.Stream
	case t.Transport == "poll" && t.PollInterval > 0:
		return load.Poll
	case t.Transport == "poll":
		return load.LongPoll
	}
	return load.WebSocket
}

// benchCrowd is how many sessions there are.
type benchCrowd struct {
	Sessions int `default:"1000" placeholder:"N" help:"How many sessions to open. Default: 1000."`
	Dialling int `default:"256" placeholder:"N" help:"How many of them are on their way at the same time. Default: 256."`
}

// benchTarget is where a load goes, and how its sessions say who they are.
type benchTarget struct {
	Server             string `default:"${defaultServer}" env:"OPENLINE_SERVER" placeholder:"URL" help:"The server's address. Default: http://127.0.0.1:8080."`
	Channel            string `default:"bench" placeholder:"NAME" help:"The channel that sessions subscribe to. Default: bench."`
	User               string `default:"bench-" placeholder:"PREFIX" help:"What users' names begin with. Default: bench-."`
	TokenSecret        string `env:"OPENLINE_TOKEN_HMAC_SECRET" placeholder:"SECRET" help:"Signs the tokens of the users, where the server wants some."`
	TokenCommand       string `placeholder:"COMMAND" help:"Prints a user's token, when it is run with the user's name behind its arguments."`
	PID                int    `name:"pid" placeholder:"PID" help:"The server's process on this machine (Linux): its CPU time and memory are in the report."`
	InsecureSkipVerify bool   `help:"Do not verify the server's certificate. Whoever sits in between can then read and change everything."`
	JSON               bool   `name:"json" help:"Print the report as JSON."`
}

// benchTraffic is the flags of what is published.
type benchTraffic struct {
	APIKey     string        `name:"api-key" env:"OPENLINE_API_KEY" placeholder:"KEY" help:"An API key of the server."`
	Publishers int           `default:"1" placeholder:"N" help:"How many HTTP connections publish, one message at a time each. Default: 1."`
	Rate       float64       `placeholder:"N" help:"Messages a second, of all publishers together. Default: as many as the server accepts."`
	Size       int           `default:"64" placeholder:"BYTES" help:"Length of a message's data, at least 43. Default: 64."`
	Time       time.Duration `default:"10s" placeholder:"DURATION" help:"How long to publish. Default: 10s."`
	Messages   uint64        `placeholder:"N" help:"Stop earlier, after that many. Default: no limit."`

	random bool // the times at which messages leave
}

// bench is one run of a load.
type bench struct {
	flags  *benchFlags
	s      streams
	fleet  *load.Fleet
	speaks *load.Openline // how the fleet does
	show   *benchProgress
	report *benchReport
	opened load.Wire // of the first sessions
	wire   load.Wire // of what was published
	said   load.Wire // of what clients published
}

// benchSpare is descriptors that are needed for other things than sessions.
const benchSpare = 32

// begin checks the flags and makes the fleet, whose connections end with the
// bench's close.
func (f *benchFlags) begin(ctx context.Context, s streams, scenario string, key string, publishers int) (*bench, error) {
	base, err := serverURL(f.Server)
	if err != nil {
		return nil, err
	}
	if err := f.check(publishers); err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, usage("%v", err)
	}
	o := &load.Options{Transport: f.kind(), Interval: f.PollInterval}
	if o.Addr, err = resolve(ctx, u); err != nil {
		return nil, failed("%v", err)
	}
	if u.Scheme == "https" {
		o.TLS = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: f.InsecureSkipVerify} //nolint:gosec // asked for by that name
	}
	token, err := f.tokens(ctx)
	if err != nil {
		return nil, err
	}
	d := &load.Openline{Host: u.Host, Path: u.Path, Key: key, Channel: f.Channel, Prefix: f.User, Token: token}
	o.Dialect = d
	fleet, err := load.New(o)
	if err != nil {
		return nil, err
	}
	return &bench{
		flags: f, s: s, fleet: fleet, speaks: d, show: benchProgressOn(s),
		report: &benchReport{Scenario: scenario, Server: base, Version: version()},
	}, nil
}

// check finds what cannot work before anything is opened.
func (f *benchFlags) check(publishers int) error {
	if f.Sessions < 1 || f.Dialling < 1 || publishers < 0 {
		return usage("the numbers of sessions, of those on their way and of publishers begin at 1")
	}
	if f.PollInterval < 0 || f.PollInterval > 0 && f.Transport != "poll" {
		return usage("--poll-interval is above zero, and for --transport=poll")
	}
	if err := openline.CheckUser(f.User + strconv.Itoa(f.Sessions)); err != nil {
		return usage("--user: %v", err)
	}
	if err := openline.CheckChannel(f.Channel); err != nil {
		return usage("--channel: %v", err)
	}
	limit, err := load.Descriptors()
	if err != nil {
		return failed("%v", err)
	}
	if fit := limit - benchSpare - publishers; f.Sessions > fit {
		return usage("this process may open %d files, so %d sessions fit: lower --sessions, raise `ulimit -n`, or share them out among several processes with a --user each", limit, max(fit, 0))
	}
	if f.PID != 0 {
		if _, err := load.ReadUsage(f.PID); err != nil {
			return usage("--pid: %v", err)
		}
	}
	return nil
}

// resolve returns where a server's connections go: of several addresses the first
// that somebody listens at, so that localhost is found whichever it means.
func resolve(ctx context.Context, u *url.URL) (netip.AddrPort, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	c, err := (&net.Dialer{Timeout: callTimeout}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return netip.AddrPort{}, noServer(err, u.Scheme+"://"+u.Host)
	}
	defer c.Close()
	to, err := netip.ParseAddrPort(c.RemoteAddr().String())
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), err
}

// close ends the connections.
func (b *bench) close() {
	b.show.end()
	b.fleet.Close()
}

// open opens sessions and notes how that went. It fails when none is there.
func (b *bench) open(ctx context.Context, sessions int) error {
	before, server := b.usage(), &benchServer{}
	o, err := b.fleet.Open(ctx, sessions, &load.OpenOptions{
		InFlight: b.flags.Dialling,
		Progress: func(done int) { b.show.open(done, sessions) },
	})
	b.show.end()
	server.since(before, b.usage())
	b.report.opened(o, sessions, server)
	if b.opened.Requests == 0 {
		b.opened = o.Wire
	}
	switch {
	case err != nil:
		b.report.ended(err)
		return nil
	case o.Ready == 0:
		return failed("no session could be opened: %s", most(o.Refused))
	}
	return nil
}

// most returns the commonest reason.
func most[N int | uint64](reasons map[string]N) (reason string) {
	for r, n := range reasons {
		if n > reasons[reason] || n == reasons[reason] && (reason == "" || r < reason) {
			reason = r
		}
	}
	return reason
}

// usage is what the server has used so far; nothing without --pid.
func (b *bench) usage() load.Usage {
	if b.flags.PID == 0 {
		return load.Usage{}
	}
	u, _ := load.ReadUsage(b.flags.PID) // one that has ended shows in the sessions
	return u
}

// publish plays the traffic with the sessions that are open, and notes what came
// of it.
func (b *bench) publish(ctx context.Context, t *benchTraffic, unicast bool) error {
	before := b.usage()
	server := &benchServer{}
	r, err := b.fleet.Publish(ctx, &load.Plan{
		Publishers: t.Publishers, Rate: t.Rate, Size: t.Size, Time: t.Time, Messages: t.Messages, Unicast: unicast, Random: t.random,
		Progress: func(past time.Duration, deliveries uint64) { b.show.publish(past, t.Time, deliveries) },
	})
	b.show.end()
	server.since(before, b.usage())
	if r != nil {
		b.wire = r.Wire
		b.report.published(r, server)
	}
	b.report.ended(err)
	if err != nil && ctx.Err() == nil {
		return failed("%s", strings.TrimPrefix(err.Error(), "load: "))
	}
	return nil
}

// benchCheck finds the flags that cannot be meant.
func (t *benchTraffic) benchCheck() error {
	switch {
	case t.APIKey == "":
		return usage("no API key: set OPENLINE_API_KEY or give --api-key; openline serve prints one")
	case t.Publishers < 1 || t.Rate < 0 || t.Size < 1 || t.Time <= 0:
		return usage("publishers, size and time are above zero, and a rate is not below it")
	}
	return nil
}
