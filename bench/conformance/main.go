// Command conformance runs the conformance suite against WebSocket
// implementations that others wrote, and against this repository's own, and
// writes the matrix of results into docs/conformance.md:
//
//	go -C bench run ./conformance -write ../docs/conformance.md
//
// Each implementation is a small echo program in a folder or file of its own
// beside this one, built and started here. Everything stays on 127.0.0.1.
//
// The Go programs are built with the versions that bench/go.mod names, those for
// Node with those of js/package-lock.json (npm ci is run if need be). Python's
// websockets and Chromium are the machine's; without them their columns are left
// out with a word.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

// settings are the flags.
type settings struct {
	peers, selected  string
	json, html       string
	write            string
	parallel         int
	patience         float64
	verbose, interop bool
}

func main() {
	var s settings
	flag.StringVar(&s.peers, "peers", "", "only the peers whose names contain one of these words, separated by commas, such as \"gorilla,ws server\"")
	flag.StringVar(&s.selected, "select", "", "only these cases, items, groups or sections, separated by commas")
	flag.StringVar(&s.json, "json", "", "write a report for each peer into this folder, as JSON")
	flag.StringVar(&s.html, "html", "", "write one report of everything into this file, as HTML")
	flag.StringVar(&s.write, "write", "", "write the matrix into this file, between its markers; without it, to standard output")
	flag.IntVar(&s.parallel, "parallel", 8, "cases at the same time")
	flag.Float64Var(&s.patience, "patience", 2, "multiplies every deadline")
	flag.BoolVar(&s.verbose, "v", false, "print each failing case as it comes")
	flag.BoolVar(&s.interop, "interop", false, "play what is a MUST and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &s); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// column is one peer's results.
type column struct {
	peer    *peer
	version string
	interop *conformance.Report // what is a MUST
	strict  *conformance.Report // the other levels; either is nil if it was not played
}

func run(ctx context.Context, s *settings) error {
	w, err := newWorkshop(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	var columns []*column
	for _, p := range peers {
		if !s.wants(p) {
			continue
		}
		c, err := s.play(ctx, w, p)
		if missing := (*missingError)(nil); errors.As(err, &missing) {
			fmt.Fprintf(os.Stderr, "%s: left out: %v\n", p.title(), err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.title(), err)
		}
		columns = append(columns, c)
	}
	if len(columns) == 0 {
		return errors.New("no peer was played: look at -peers")
	}
	return s.deliver(columns, w.hosts)
}

func (s *settings) wants(p *peer) bool {
	return s.peers == "" || slices.ContainsFunc(strings.Split(s.peers, ","), func(word string) bool {
		return strings.Contains(p.title(), strings.TrimSpace(word))
	})
}

// play builds one peer and runs both modes against it.
func (s *settings) play(ctx context.Context, w *workshop, p *peer) (*column, error) {
	prog, err := p.build(ctx, w)
	if err != nil {
		return nil, err
	}
	c := &column{peer: p, version: prog.version}
	var mustErr, otherErr error
	c.interop, mustErr = s.mode(ctx, w, p, prog, false)
	if !s.interop {
		c.strict, otherErr = s.mode(ctx, w, p, prog, true)
	}
	if s.selected != "" && (c.interop != nil || c.strict != nil) {
		return c, nil // what was selected may be all of one level
	}
	return c, errors.Join(mustErr, otherErr)
}

func (s *settings) mode(ctx context.Context, w *workshop, p *peer, prog *program, strict bool) (*conformance.Report, error) {
	o := &conformance.Options{
		Levels:   []conformance.Level{conformance.Must},
		Strict:   strict,
		Features: p.features,
		Parallel: s.parallel,
		Patience: s.patience,
		Each: func(r *conformance.Result) {
			if s.verbose && r.Verdict == conformance.Failed {
				fmt.Fprintf(os.Stderr, "  %s: %s\n", r.Case.ID, r.Reason)
			}
		},
	}
	mode := "interop"
	if strict {
		mode = "strict"
		o.Levels = []conformance.Level{conformance.Should, conformance.Hardening}
	}
	if s.selected != "" {
		o.Select = strings.Split(s.selected, ",")
	}
	start := time.Now()
	report, usage, err := p.run(ctx, w, prog, o)
	if err != nil {
		return nil, err
	}
	report.Target = p.name + " " + prog.version
	n := report.Counts()
	fmt.Fprintf(os.Stderr, "%s %s %s: %d passed, %d failed, %d skipped in %.1f s%s\n",
		p.title(), prog.version, mode, n.Passed, n.Failed, n.Skipped, time.Since(start).Seconds(), usage)
	return report, nil
}

// deliver writes what the flags ask for.
func (s *settings) deliver(columns []*column, hosts []string) error {
	var all []*conformance.Report
	for _, c := range columns {
		own := slices.DeleteFunc([]*conformance.Report{c.interop, c.strict}, func(r *conformance.Report) bool { return r == nil })
		all = append(all, own...)
		if s.json == "" {
			continue
		}
		if err := os.MkdirAll(s.json, 0o755); err != nil {
			return err
		}
		name := strings.NewReplacer("/", "-", " ", "-").Replace(c.peer.title()) + ".json"
		if err := toFile(filepath.Join(s.json, name), func(f *os.File) error { return conformance.WriteJSON(f, own) }); err != nil {
			return err
		}
	}
	if s.html != "" {
		if err := toFile(s.html, func(f *os.File) error { return conformance.WriteHTML(f, all) }); err != nil {
			return err
		}
	}
	text := matrix(columns, hosts, time.Now())
	if s.write == "" {
		_, err := os.Stdout.WriteString(text)
		return err
	}
	return insert(s.write, text)
}

func toFile(name string, write func(*os.File) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	return cmp.Or(err, f.Close())
}
