package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/openline/openline/internal/chart"
	"github.com/openline/openline/internal/load"
)

// benchTransportsCmd is openline bench transports.
type benchTransportsCmd struct {
	benchTarget
	APIKey       string        `name:"api-key" env:"OPENLINE_API_KEY" placeholder:"KEY" help:"An API key of the server."`
	Sessions     int           `default:"200" placeholder:"N" help:"How many sessions each transport has. Default: 200."`
	Rate         float64       `default:"1" placeholder:"N" help:"Messages a second, each for all sessions, at random times that are the same for each transport. Default: 1."`
	Time         time.Duration `default:"20s" placeholder:"DURATION" help:"How long to publish, for each transport. Default: 20s."`
	Size         int           `default:"64" placeholder:"BYTES" help:"Length of a message's data, at least 43. Default: 64."`
	PollInterval time.Duration `default:"1s" placeholder:"DURATION" help:"How long a session that polls waits before it asks again. Default: 1s."`
	Plain        bool          `help:"Leave out the header fields that browsers add to requests."`
	Idle         int           `default:"4000" placeholder:"N" help:"With --pid: open that many silent sessions of each transport, too, and see what memory they take; 0 leaves it out. Default: 4000."`
	Settle       time.Duration `default:"30s" placeholder:"DURATION" help:"How long to wait at the most until the server's memory stays where it is. Default: 30s."`
	SVG          string        `name:"svg" placeholder:"FILE" help:"Write a chart there."`
}

// Help is what openline bench transports --help says beyond its flags.
func (benchTransportsCmd) Help() string {
	return `One transport after the other has the same messages at the same times, from the same server: WebSocket, server-sent
events, a stream of lines, long polling and polling at an interval, all over HTTP/1.1 connections that are kept.
Octets are counted at the socket, above TCP; requests have the header fields that a browser sends, and no cookies.
CPU time is the server's for everything that went on meanwhile, publishing included. Memory comes out a little low for all
but the first, since the server has kept some of what the sessions before had; openline bench idle --transport on a server
that was just started has no such error.`
}

// benchWays are the transports, with their names for people.
var benchWays = []struct {
	name string
	how  benchTransport
}{
	{"WebSocket", benchTransport{Transport: "websocket"}},
	{"SSE", benchTransport{Transport: "sse"}},
	{"stream", benchTransport{Transport: "stream"}},
	{"long poll", benchTransport{Transport: "poll"}},
	{"poll", benchTransport{Transport: "poll"}},
}

// Run plays the load over each transport and prints what came of it.
func (c *benchTransportsCmd) Run(ctx context.Context, s streams) error {
	t := &benchTraffic{APIKey: c.APIKey, Publishers: 4, Rate: c.Rate, Size: c.Size, Time: c.Time, random: true}
	switch err := t.benchCheck(); {
	case err != nil:
		return err
	case c.Rate <= 0 || c.PollInterval <= 0 || c.Idle < 0 || c.Idle == 1:
		return usage("the rate and the interval of polls are above zero, and silent sessions are two at least")
	}
	end := &bench{flags: &benchFlags{benchTarget: c.benchTarget}, s: s, show: benchProgressOn(s)}
	for i := range benchWays {
		b, err := c.play(ctx, s, t, i)
		if b == nil {
			return err
		}
		if end.report == nil {
			end.report = &benchReport{Scenario: b.report.Scenario, Server: b.report.Server, Version: b.report.Version}
		}
		end.report.Transports = append(end.report.Transports, c.carried(b, i))
		end.report.Interrupted = b.report.Interrupted
		if err := errors.Join(err, b.report.verdict()); err != nil {
			return errors.Join(end.print(), err)
		}
	}
	for i := 0; i < len(benchWays) && c.PID != 0 && c.Idle > 0; i++ {
		b, err := c.rest(ctx, s, i)
		if b == nil {
			return errors.Join(end.print(), err)
		}
		end.report.Transports[i].Memory = b.report.PerSession
		end.report.Interrupted = b.report.Interrupted
		if err := errors.Join(err, b.report.verdict()); err != nil {
			return errors.Join(end.print(), err)
		}
	}
	if c.SVG != "" {
		if err := benchChart(c.SVG, end.report.Transports); err != nil {
			return errors.Join(end.print(), failed("%v", err))
		}
	}
	return end.end()
}

// way makes the load over one transport. Its channel and its users are its own, since
// polling sessions are there for a while when nobody polls any more.
func (c *benchTransportsCmd) way(ctx context.Context, s streams, i int, what string, publishers int) (*bench, error) {
	way := benchWays[i]
	f := &benchFlags{benchTarget: c.benchTarget, benchCrowd: benchCrowd{max(c.Sessions, c.Idle), 64}, benchTransport: way.how}
	f.Channel = fmt.Sprintf("%s-%s%d", c.Channel, what, i)
	f.User = fmt.Sprintf("%s%s%d-", c.User, what, i)
	if way.name == "poll" {
		f.PollInterval = c.PollInterval
	}
	b, err := f.begin(ctx, s, "transports", c.APIKey, publishers)
	if err == nil && !c.Plain {
		b.speaks.Fields = benchFields(f.kind(), b.speaks.Host)
	}
	return b, err
}

// play plays the load over one transport.
func (c *benchTransportsCmd) play(ctx context.Context, s streams, t *benchTraffic, i int) (*bench, error) {
	b, err := c.way(ctx, s, i, "", t.Publishers)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.open(ctx, c.Sessions); err != nil {
		return nil, err
	}
	if b.report.Interrupted {
		return b, nil
	}
	if err := b.publish(ctx, t, false); err != nil || b.report.Interrupted {
		return b, err
	}
	r, err := b.fleet.Publish(ctx, &load.Plan{Say: true, Publishers: t.Publishers, Messages: benchSaid, Size: t.Size})
	if err != nil {
		b.report.ended(err)
		return b, failed("%s", strings.TrimPrefix(err.Error(), "load: "))
	}
	if len(r.Refused) > 0 || r.Lost+r.Duplicates > 0 {
		return b, failed("of %d messages of clients %d were taken, and %d deliveries are missing: %s", benchSaid, r.Published, r.Lost, most(r.Refused))
	}
	b.said = r.Said
	return b, nil
}

// benchSaid is how many messages clients publish, to see what that costs.
const benchSaid = 50

// rest sees what silent sessions of one transport take.
func (c *benchTransportsCmd) rest(ctx context.Context, s streams, i int) (*bench, error) {
	b, err := c.way(ctx, s, i, "idle", 0)
	if err != nil {
		return nil, err
	}
	defer b.close()
	b.report.ended(b.settle(ctx, c.Settle)) // until what those before have left is given back
	return b, b.idle(ctx, max(1, c.Idle/4), c.Idle, c.Settle)
}

// benchFields are what a browser's requests have beyond what they need: those of
// Chromium on Linux, for a page of the same origin that sets no cookie.
func benchFields(t load.Transport, host string) string {
	const agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n"
	const languages = "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n"
	if t == load.WebSocket { // without the offer to compress, which the others have no equal of
		return agent + "Pragma: no-cache\r\nCache-Control: no-cache\r\nOrigin: http://" + host + "\r\n" + languages
	}
	accept := "*/*\r\n"
	if t == load.EventSource {
		accept = "text/event-stream\r\nCache-Control: no-cache\r\n"
	}
	return "Connection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n" + agent +
		"sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nAccept: " + accept +
		"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://" + host + "/\r\n" + languages
}

// benchCarried is what a transport cost.
type benchCarried struct {
	Name       string     `json:"name"`
	Sessions   int        `json:"sessions"`
	Deliveries uint64     `json:"deliveries"`
	OpenUp     float64    `json:"open_sent_bytes"` // by a session, to be open
	OpenDown   float64    `json:"open_received_bytes"`
	Up         float64    `json:"sent_bytes_per_message"`
	Down       float64    `json:"received_bytes_per_message"`
	Requests   float64    `json:"requests_per_message"`
	Empty      uint64     `json:"empty_answers"`
	EmptyShare float64    `json:"empty_share"`                   // of the requests
	SaidUp     float64    `json:"client_sent_bytes_per_message"` // to publish as a client
	SaidDown   float64    `json:"client_received_bytes_per_message"`
	Latency    benchTimes `json:"latency_ms"`
	CPU        float64    `json:"cpu_us_per_message,omitempty"`
	Memory     float64    `json:"bytes_per_session,omitempty"`
}

// carried takes what is of interest from a transport's report.
func (c *benchTransportsCmd) carried(b *bench, i int) *benchCarried {
	r := b.report
	d := &benchCarried{Name: benchWays[i].name, Sessions: c.Sessions}
	sessions := float64(max(c.Sessions, 1))
	d.OpenUp, d.OpenDown = float64(b.opened.Sent)/sessions, float64(b.opened.Received)/sessions
	t := r.Traffic
	if t == nil || t.Deliveries == 0 {
		return d
	}
	said := max(float64(b.said.Requests), 1)
	d.SaidUp, d.SaidDown = float64(b.said.Sent)/said, float64(b.said.Received)/said
	n := float64(t.Deliveries)
	d.Deliveries, d.Latency, d.CPU = t.Deliveries, t.Latency, t.PerMillion // seconds a million are microseconds each
	d.Up, d.Down = float64(b.wire.Sent)/n, float64(b.wire.Received)/n
	d.Requests, d.Empty = float64(b.wire.Requests)/n, b.wire.Empty
	d.EmptyShare = float64(b.wire.Empty) / max(float64(b.wire.Requests), 1)
	return d
}

// benchRows are the lines of the table, and of them the panels of the chart.
var benchRows = []struct {
	title, unit string
	drawn       bool
	value       func(*benchCarried) float64
	format      string
}{
	{"Received for a message", "octets above TCP", true, func(d *benchCarried) float64 { return d.Down }, "%.0f"},
	{"Sent for a message", "octets above TCP", true, func(d *benchCarried) float64 { return d.Up }, "%.0f"},
	{"Requests for a message", "", true, func(d *benchCarried) float64 { return d.Requests }, "%.2f"},
	{"Answers with no message", "per cent", true, func(d *benchCarried) float64 { return 100 * d.EmptyShare }, "%.0f"},
	{"Latency, p50", "ms", true, func(d *benchCarried) float64 { return d.Latency.P50 }, "%.1f"},
	{"Latency, p99", "ms", true, func(d *benchCarried) float64 { return d.Latency.P99 }, "%.1f"},
	{"The server's CPU time for a message", "µs", true, func(d *benchCarried) float64 { return d.CPU }, "%.1f"},
	{"The server's memory for an idle session", "octets", true, func(d *benchCarried) float64 { return d.Memory }, "%.0f"},
	{"A client's message: sent", "octets above TCP", false, func(d *benchCarried) float64 { return d.SaidUp }, "%.0f"},
	{"A client's message: received", "octets above TCP", false, func(d *benchCarried) float64 { return d.SaidDown }, "%.0f"},
	{"To open a session: sent", "octets above TCP", false, func(d *benchCarried) float64 { return d.OpenUp }, "%.0f"},
	{"To open a session: received", "octets above TCP", false, func(d *benchCarried) float64 { return d.OpenDown }, "%.0f"},
}

// benchTable prints the transports beside each other.
func benchTable(w io.Writer, list []*benchCarried) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = d.Name
	}
	fmt.Fprintf(t, "\t%s\n", strings.Join(names, "\t"))
	for _, row := range benchRows {
		title := row.title
		if row.unit != "" {
			title += ", " + row.unit
		}
		fmt.Fprint(t, title)
		for _, d := range list {
			fmt.Fprintf(t, "\t"+row.format, row.value(d))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // an error of w's has been met by others
}

// benchChart draws them.
func benchChart(file string, list []*benchCarried) error {
	var panels []chart.Panel
	for _, row := range benchRows {
		if !row.drawn {
			continue
		}
		p := chart.Panel{Title: row.title, Unit: row.unit}
		for i, d := range list {
			p.Bars = append(p.Bars, chart.Bar{Name: d.Name, Value: row.value(d), Label: fmt.Sprintf(row.format, row.value(d)), Ours: i == 0})
		}
		panels = append(panels, p)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	err = chart.Write(f, panels, "What a message costs over each transport", "The same messages over WebSocket, server-sent events, a stream, long polling and polling, and what each costs in octets, requests, time and memory.")
	return errors.Join(err, f.Close())
}
