package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/openline/openline/internal/load"
)

// benchReport is what a load found. Its JSON is for programs: names that are there
// stay what they are.
type benchReport struct {
	Scenario    string          `json:"scenario"`
	Server      string          `json:"server"`
	Version     string          `json:"version"`     // of this program
	Interrupted bool            `json:"interrupted"` // the report is of what there was by then
	Open        benchOpen       `json:"open"`
	Idle        []benchMemory   `json:"idle,omitempty"`
	PerSession  float64         `json:"bytes_per_session,omitempty"`
	Traffic     *benchDelivered `json:"traffic,omitempty"`
	Resume      *benchResumed   `json:"resume,omitempty"`
	Transports  []*benchCarried `json:"transports,omitempty"`
}

// benchOpen is how sessions were opened.
type benchOpen struct {
	Sessions int            `json:"sessions"` // asked for
	Ready    int            `json:"ready"`
	Refused  map[string]int `json:"refused,omitempty"`
	Seconds  float64        `json:"seconds"`
	Wait     benchTimes     `json:"ready_ms"` // of a session
	Server   *benchServer   `json:"server,omitempty"`
	CPU      float64        `json:"cpu_us_per_session,omitempty"`
}

// benchMemory is the server's memory with so many sessions.
type benchMemory struct {
	Sessions int   `json:"sessions"`
	Bytes    int64 `json:"bytes"`
}

// benchDelivered is what became of the messages.
type benchDelivered struct {
	Published   uint64            `json:"published"`
	Refused     map[string]uint64 `json:"refused,omitempty"`
	Seconds     float64           `json:"seconds"` // of publishing
	Requests    float64           `json:"requests_per_second"`
	Answer      benchTimes        `json:"request_ms"`
	Deliveries  uint64            `json:"deliveries"`
	PerSecond   float64           `json:"deliveries_per_second"`
	Latency     benchTimes        `json:"latency_ms"`
	Lost        uint64            `json:"lost"`
	Duplicates  uint64            `json:"duplicates"`
	Cut         map[string]int    `json:"cut,omitempty"`
	Server      *benchServer      `json:"server,omitempty"`
	PerMillion  float64           `json:"cpu_s_per_million_deliveries,omitempty"`
	PerRequest  float64           `json:"cpu_us_per_request,omitempty"`
	DeliveryCPU float64           `json:"deliveries_per_cpu_s,omitempty"`
}

// benchTimes are quantiles, in milliseconds.
type benchTimes struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// benchServer is what the server used meanwhile.
type benchServer struct {
	CPU    float64 `json:"cpu_s"`
	Memory int64   `json:"bytes"` // at the end
}

func (s *benchServer) since(before, after load.Usage) {
	s.CPU = (after.CPU - before.CPU).Seconds()
	s.Memory = after.Memory
}

// orNone is s if there is anything in it.
func (s *benchServer) orNone() *benchServer {
	if s.Memory == 0 {
		return nil
	}
	return s
}

func times(h *load.Histogram) benchTimes {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return benchTimes{ms(h.Quantile(0.5)), ms(h.Quantile(0.99)), ms(h.Quantile(0.999)), ms(h.Max())}
}

// opened adds what an Open found. The times of a session are those of the last.
func (r *benchReport) opened(o *load.Opened, asked int, s *benchServer) {
	b := &r.Open
	b.Sessions += asked
	b.Ready += o.Ready
	b.Seconds += o.Took.Seconds()
	b.Wait = times(&o.Wait)
	if b.Refused == nil {
		b.Refused = make(map[string]int)
	}
	for why, n := range o.Refused {
		b.Refused[why] += n
	}
	if s.orNone() != nil && o.Ready > 0 {
		b.Server, b.CPU = s, 1e6*s.CPU/float64(o.Ready)
	}
}

// held notes the memory with so many sessions.
func (r *benchReport) held(sessions int, bytes int64) {
	r.Idle = append(r.Idle, benchMemory{sessions, bytes})
	if first, last := r.Idle[0], r.Idle[len(r.Idle)-1]; last.Sessions > first.Sessions {
		r.PerSession = float64(last.Bytes-first.Bytes) / float64(last.Sessions-first.Sessions)
	}
}

// published notes what became of messages.
func (r *benchReport) published(t *load.Traffic, s *benchServer) {
	d := &benchDelivered{
		Published: t.Published, Refused: t.Refused, Seconds: t.Took.Seconds(), Answer: times(&t.Answer),
		Deliveries: t.Deliveries, Latency: times(&t.Latency), Lost: t.Lost, Duplicates: t.Duplicates, Cut: t.Cut, Server: s.orNone(),
	}
	if t.Took > 0 {
		d.Requests = float64(t.Published) / t.Took.Seconds()
	}
	if t.Until > 0 {
		d.PerSecond = float64(t.Deliveries) / t.Until.Seconds()
	}
	if s.CPU > 0 && t.Deliveries > 0 {
		d.PerMillion = 1e6 * s.CPU / float64(t.Deliveries)
		d.DeliveryCPU = float64(t.Deliveries) / s.CPU
	}
	if s.CPU > 0 && t.Published > 0 {
		d.PerRequest = 1e6 * s.CPU / float64(t.Published)
	}
	r.Traffic = d
}

// ended notes why a run did not come to its end, if it did not.
func (r *benchReport) ended(err error) {
	r.Interrupted = r.Interrupted || err != nil
}

// verdict is nil if all went as it should.
func (r *benchReport) verdict() error {
	var list []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			list = append(list, fmt.Errorf(format, args...))
		}
	}
	add(r.Interrupted, "the run was ended before its time: the report is of what there was by then")
	add(!r.Interrupted && r.Open.Ready < r.Open.Sessions, "%s of %s sessions could not be opened or kept", grouped(r.Open.Sessions-r.Open.Ready), grouped(r.Open.Sessions))
	if t := r.Traffic; t != nil {
		add(t.Lost > 0, "%s messages were lost", grouped(t.Lost))
		add(t.Duplicates > 0, "%s messages came twice or out of order", grouped(t.Duplicates))
		add(len(t.Cut) > 0, "the server ended sessions")
		add(len(t.Refused) > 0, "the server refused messages")
		add(t.Published == 0, "no message was published")
	}
	if s := r.Resume; s != nil {
		add(s.Whole < s.Sessions, "%s of %s sessions that came back do not have every message once, in order", grouped(s.Sessions-s.Whole), grouped(s.Sessions))
	}
	if len(list) == 0 {
		return nil
	}
	return failed("%v", errors.Join(list...))
}

// end prints the report and says whether all went as it should.
func (b *bench) end() error {
	b.show.end()
	return errors.Join(b.print(), b.report.verdict())
}

// print prints the report.
func (b *bench) print() error {
	if !b.flags.JSON {
		b.report.text(b.s.out)
		return nil
	}
	e := json.NewEncoder(b.s.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(b.report)
}

// text prints the report for people.
func (r *benchReport) text(w io.Writer) {
	if len(r.Transports) > 0 {
		benchTable(w, r.Transports)
		return
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	o := &r.Open
	row("sessions", "%s of %s ready in %.2f s, %s a second", grouped(o.Ready), grouped(o.Sessions), o.Seconds, grouped(int(float64(o.Ready)/max(o.Seconds, 0.001))))
	row("ready in", "%s", &o.Wait)
	if o.Server != nil {
		row("server", "%.1f µs of CPU a session, %s of memory", o.CPU, size(o.Server.Memory))
	}
	reasons(row, "refused", o.Refused)
	for _, m := range r.Idle {
		row("idle", "%s with %s sessions", size(m.Bytes), grouped(m.Sessions))
	}
	if r.PerSession != 0 {
		row("memory", "%s bytes a session", grouped(int64(r.PerSession)))
	}
	if r.Traffic != nil {
		r.Traffic.text(row)
	}
	if r.Resume != nil {
		r.Resume.text(row)
	}
}

func (t *benchDelivered) text(row func(name, format string, args ...any)) {
	row("published", "%s messages in %.2f s, %s requests a second", grouped(t.Published), t.Seconds, grouped(int(t.Requests)))
	row("answered in", "%s", &t.Answer)
	reasons(row, "refused", t.Refused)
	row("delivered", "%s messages, %s a second; lost %s, twice or out of order %s", grouped(t.Deliveries), grouped(int(t.PerSecond)), grouped(t.Lost), grouped(t.Duplicates))
	row("latency", "%s", &t.Latency)
	reasons(row, "cut", t.Cut)
	if t.Server != nil {
		row("server", "%.2f s of CPU: %.1f µs a request, %.2f s a million deliveries, %s deliveries a second of CPU; %s of memory",
			t.Server.CPU, t.PerRequest, t.PerMillion, grouped(int(t.DeliveryCPU)), size(t.Server.Memory))
	}
}

// reasons prints each with how often it was given.
func reasons[N int | uint64](row func(name, format string, args ...any), name string, list map[string]N) {
	for _, why := range slices.Sorted(maps.Keys(list)) {
		row(name, "%s: %s", grouped(list[why]), escape(why))
	}
}

func (t *benchTimes) String() string {
	return fmt.Sprintf("p50 %.3g ms, p99 %.3g ms, p99.9 %.3g ms, longest %.3g ms", t.P50, t.P99, t.P999, t.Max)
}

// size is bytes for people.
func size(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// grouped writes a number with a comma before each three digits.
func grouped[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
