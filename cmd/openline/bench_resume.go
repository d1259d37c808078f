package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/openline/openline/internal/load"
)

// benchResumeCmd is openline bench resume.
type benchResumeCmd struct {
	benchTarget
	benchMissed
	APIKey      string        `name:"api-key" env:"OPENLINE_API_KEY" placeholder:"KEY" help:"An API key of the server."`
	Missed      int           `default:"1000" placeholder:"N" help:"How many messages they have missed. Default: 1000."`
	Size        int           `default:"64" placeholder:"BYTES" help:"Length of a message's data, at least 43. Default: 64."`
	Rate        float64       `default:"1000" placeholder:"N" help:"Messages a second of the channel that goes on meanwhile. Default: 1000."`
	Publishers  int           `default:"64" placeholder:"N" help:"How many HTTP connections publish there, one message at a time each: with few, a server that is slow to answer slows the load. Default: 64."`
	Subscribers int           `default:"100" placeholder:"N" help:"Sessions that are subscribed to that. Default: 100."`
	Around      time.Duration `default:"3s" placeholder:"DURATION" help:"How long that channel is watched before and after. Default: 3s."`
}

// benchMissed is who comes back.
type benchMissed struct {
	Sessions int `default:"10000" placeholder:"N" help:"How many sessions come back. Default: 10000."`
	Dialling int `placeholder:"N" help:"How many of them are on their way at the same time. Default: all."`
}

// Help is what openline bench resume --help says beyond its flags.
func (benchResumeCmd) Help() string {
	return `Publishes messages to a channel, then has sessions come back all at once with a cursor from before the first. Beside
that another channel goes on, whose latency is measured before, during and after.

The sessions that come back are a process of their own, which on Linux runs when the measurement does not, so that what it
does delays that as little as may be. How late the load itself was is in the report.`
}

// The parts of the run of the channel that goes on.
const (
	benchBefore = iota
	benchDuring
	benchAfter
)

// Run has sessions come back and prints what came of it.
func (c *benchResumeCmd) Run(ctx context.Context, s streams) error {
	if c.Dialling == 0 {
		c.Dialling = c.Sessions
	}
	t := benchTraffic{APIKey: c.APIKey, Publishers: c.Publishers, Rate: c.Rate, Size: c.Size, Time: c.Around}
	switch err := t.benchCheck(); {
	case err != nil:
		return err
	case c.Missed < 1 || c.Rate <= 0 || c.Subscribers < 1 || c.Sessions < 1 || c.Dialling < 1:
		return usage("the numbers of sessions, of messages and their rate are above zero")
	}
	missed, err := c.miss(ctx, s)
	if err != nil {
		return err
	}
	f := &benchFlags{benchTarget: c.benchTarget, benchCrowd: benchCrowd{c.Subscribers, c.Subscribers}}
	f.Channel, f.User = c.Channel+"-live", c.User+"live-"
	b, err := f.begin(ctx, s, "resume", c.APIKey, t.Publishers)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.open(ctx, f.Sessions); err != nil || b.report.Interrupted {
		return err
	}
	if err := c.measure(ctx, b, &t, missed); err != nil {
		return err
	}
	return b.end()
}

// miss publishes what is missed.
func (c *benchResumeCmd) miss(ctx context.Context, s streams) (*benchStormCmd, error) {
	f := &benchFlags{benchTarget: c.benchTarget, benchCrowd: benchCrowd{1, 1}}
	f.User += "before-"
	b, err := f.begin(ctx, s, "resume", c.APIKey, 1)
	if err != nil {
		return nil, err
	}
	defer b.close()
	m := &benchStormCmd{benchFlags: benchFlags{benchTarget: c.benchTarget, benchCrowd: benchCrowd{c.Sessions, c.Dialling}}}
	b.speaks.Greeted = func(msg []byte) { m.Since = string(load.CursorOf(msg)) }
	if err := b.open(ctx, 1); err != nil {
		return nil, err
	}
	r, err := b.fleet.Publish(ctx, &load.Plan{Size: c.Size, Messages: uint64(c.Missed), Time: time.Hour})
	switch {
	case err != nil:
		return nil, err
	case r.Published != uint64(c.Missed) || r.Deliveries != r.Published:
		return nil, failed("%d of %d messages could be published: %s", r.Published, c.Missed, most(r.Refused))
	}
	m.From, m.Messages = r.Run, c.Missed
	return m, nil
}

// measure plays the channel that goes on, and amid it has the others come back.
func (c *benchResumeCmd) measure(ctx context.Context, b *bench, t *benchTraffic, missed *benchStormCmd) error {
	storm, err := missed.start(ctx, b.s)
	if err != nil {
		return err
	}
	defer storm.end()
	publishing, over := context.WithCancel(ctx)
	defer over()
	var phase atomic.Int32
	r := &benchResumed{Missed: c.Missed, Sessions: c.Sessions}
	parts := [3]*benchPhase{{Name: "before"}, {Name: "during"}, {Name: "after"}}
	r.Live = parts[:]
	var failure error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer over()
		pause := func() {
			select {
			case <-time.After(c.Around):
			case <-publishing.Done():
			}
		}
		for i, what := range []func(){benchBefore: pause, benchDuring: func() { failure = storm.play(r) }, benchAfter: pause} {
			if publishing.Err() != nil || failure != nil {
				return
			}
			phase.Store(int32(i))
			if i == benchDuring && c.PID != 0 {
				load.ResetPeak(c.PID)
			}
			before, began := b.usage(), time.Now()
			what()
			parts[i].Seconds = time.Since(began).Seconds()
			parts[i].CPU = (b.usage().CPU - before.CPU).Seconds()
			if i == benchDuring && c.PID != 0 {
				r.Peak = load.Peak(c.PID)
			}
		}
	}()
	live, err := b.fleet.Publish(publishing, &load.Plan{
		Publishers: t.Publishers, Rate: t.Rate, Size: t.Size, Time: time.Hour, Phase: func() int { return int(phase.Load()) },
		Progress: func(past time.Duration, deliveries uint64) { b.show.publish(past, 3*c.Around, deliveries) },
	})
	over()
	<-done
	b.show.end()
	switch {
	case failure != nil:
		return failure
	case live == nil || publishing.Err() == nil:
		return err
	}
	b.report.ended(ctx.Err())
	b.report.published(live, &benchServer{})
	for i := range live.Phases {
		parts[i].Messages = live.Phases[i].Late.Count()
		parts[i].Latency, parts[i].Late = times(&live.Phases[i].Latency), times(&live.Phases[i].Late)
	}
	if first := parts[benchBefore].Latency.P99; first > 0 {
		r.Ratio = parts[benchDuring].Latency.P99 / first
	}
	b.report.Resume = r
	return nil
}

// benchStormCmd is the sessions that come back. It waits for a line on standard
// input, prints what came of it as JSON, and keeps the sessions until standard input
// ends.
type benchStormCmd struct {
	benchFlags
	Since    string `required:""`
	From     uint32 `required:""` // the run
	Messages int    `required:""`
}

// benchStorm is that process.
type benchStorm struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

// start starts this program anew.
func (c *benchStormCmd) start(ctx context.Context, s streams) (*benchStorm, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, failed("%v", err)
	}
	args := []string{
		self, "bench", "storm", "--server=" + c.Server, "--channel=" + c.Channel, "--user=" + c.User, "--token-command=" + c.TokenCommand,
		"--insecure-skip-verify=" + strconv.FormatBool(c.InsecureSkipVerify), "--sessions=" + strconv.Itoa(c.Sessions), "--dialling=" + strconv.Itoa(c.Dialling),
		"--since=" + c.Since, "--from=" + strconv.FormatUint(uint64(c.From), 10), "--messages=" + strconv.Itoa(c.Messages),
	}
	p := &benchStorm{cmd: exec.CommandContext(ctx, args[0], args[1:]...)}
	p.cmd.Env = append(os.Environ(), "OPENLINE_TOKEN_HMAC_SECRET="+c.TokenSecret) // not among the arguments, which all can see
	p.cmd.Stderr = s.err
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		p.out, err = p.cmd.StdoutPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, failed("another process of this program cannot be started: %v", err)
	}
	return p, nil
}

// play has the sessions come back, and takes what came of it.
func (p *benchStorm) play(r *benchResumed) error {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return failed("the sessions that come back have ended: %v", err)
	}
	if err := json.NewDecoder(p.out).Decode(r); err != nil {
		return failed("the sessions that come back have said nothing: %v", err)
	}
	return nil
}

func (p *benchStorm) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // what it had to say has been read
}

// Run is what the other process does.
func (c *benchStormCmd) Run(ctx context.Context, s streams) error {
	load.Background()
	b, err := c.begin(ctx, s, "resume", "", 0)
	if err != nil {
		return err
	}
	defer b.close()
	b.speaks.Since = c.Since
	if _, err := s.in.Read(make([]byte, 1)); err != nil {
		return nil //nolint:nilerr // nobody wants to know any more
	}
	r, err := b.fleet.Resume(ctx, c.Sessions, &load.ResumePlan{Run: c.From, Messages: c.Messages, Open: load.OpenOptions{InFlight: c.Dialling}})
	if err != nil {
		return failed("%v", err)
	}
	found := benchResumed{
		Missed: c.Messages, Sessions: c.Sessions, Whole: r.Whole, Seconds: r.Took.Seconds(), Deliveries: r.Deliveries,
		Lost: r.Lost, Duplicates: r.Duplicates, Disordered: r.Disordered, Gaps: r.Gaps, Refused: r.Opened.Refused, Cut: r.Cut,
		Ready: times(&r.Opened.Wait), Wait: times(&r.Wait),
	}
	if err := json.NewEncoder(s.out).Encode(&found); err != nil {
		return failed("%v", err)
	}
	ctx, gone := context.WithCancel(ctx)
	go func() {
		defer gone()
		_, _ = io.Copy(io.Discard, s.in)
	}()
	_ = b.fleet.Rest(ctx, time.Hour) // answers Pings until nobody needs the sessions
	return nil
}

// benchResumed is what became of sessions that came back, and of others meanwhile.
type benchResumed struct {
	Missed     int            `json:"missed"`
	Sessions   int            `json:"sessions"`
	Whole      int            `json:"whole"` // got every message once, in order
	Refused    map[string]int `json:"refused,omitempty"`
	Cut        map[string]int `json:"cut,omitempty"`
	Seconds    float64        `json:"seconds"` // until the last had everything
	Ready      benchTimes     `json:"ready_ms"`
	Wait       benchTimes     `json:"whole_ms"` // of a session: from dialling to the last message
	Deliveries uint64         `json:"deliveries"`
	Lost       uint64         `json:"lost"`
	Duplicates uint64         `json:"duplicates"`
	Disordered uint64         `json:"out_of_order"`
	Gaps       uint64         `json:"gaps"`
	Live       []*benchPhase  `json:"live,omitempty"`
	Ratio      float64        `json:"p99_ratio,omitempty"` // during to before
	Peak       int64          `json:"peak_bytes,omitempty"`
}

// benchPhase is a part of the run of the channel that went on.
type benchPhase struct {
	Name     string     `json:"name"`
	Seconds  float64    `json:"seconds"`
	Messages uint64     `json:"messages"`
	Latency  benchTimes `json:"latency_ms"`
	Late     benchTimes `json:"load_late_ms"` // the load's own delay
	CPU      float64    `json:"cpu_s,omitempty"`
}

func (r *benchResumed) text(row func(name, format string, args ...any)) {
	row("came back", "%s of %s sessions with all of %s messages once, in order, in %.2f s", grouped(r.Whole), grouped(r.Sessions), grouped(r.Missed), r.Seconds)
	row("", "%s messages; lost %s, twice %s, out of order %s; %s sys:gap", grouped(r.Deliveries), grouped(r.Lost), grouped(r.Duplicates), grouped(r.Disordered), grouped(r.Gaps))
	reasons(row, "refused", r.Refused)
	reasons(row, "cut", r.Cut)
	row("ready in", "%s", &r.Ready)
	row("whole in", "%s", &r.Wait)
	for _, p := range r.Live {
		cpu := ""
		if p.CPU > 0 {
			cpu = fmt.Sprintf("; %.2f s of CPU", p.CPU)
		}
		row(p.Name, "%s messages in %.2f s: %s; the load's own delay: p99 %.3g ms%s", grouped(p.Messages), p.Seconds, &p.Latency, p.Late.P99, cpu)
	}
	row("ratio", "the p99 during is %.2f times that before", r.Ratio)
	if r.Peak > 0 {
		row("memory", "%s at its peak", size(r.Peak))
	}
}
