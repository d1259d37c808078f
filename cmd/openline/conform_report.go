package main

import (
	"fmt"
	"io"
	"os"

	"github.com/openline/openline/websocket/conformance"
)

// reporting is the flags of what is written about a run.
type reporting struct {
	Text    string `placeholder:"FILE" help:"Write the report as text; -: to standard output, which is the default unless another form goes there."`
	JSON    string `name:"json" placeholder:"FILE" help:"Write it as JSON; -: to standard output."`
	JUnit   string `name:"junit" placeholder:"FILE" help:"Write it as JUnit XML; -: to standard output."`
	HTML    string `name:"html" placeholder:"FILE" help:"Write it as one page that shows each case with its exchange; -: to standard output."`
	Verbose bool   `short:"v" help:"Show in the text what went over the wire in the cases that failed."`
}

// document is a report in one form.
type document struct {
	w     io.Writer
	file  *os.File // nil: standard output
	write func(w io.Writer, reports []*conformance.Report) error
}

// open makes the files, before cases are played for minutes and cannot be
// reported.
func (r *reporting) open(s streams) ([]*document, error) {
	text := func(w io.Writer, reports []*conformance.Report) error {
		return conformance.WriteText(w, reports, r.Verbose)
	}
	var list []*document
	taken := false
	add := func(name string, write func(io.Writer, []*conformance.Report) error) error {
		switch name {
		case "":
			return nil
		case "-":
			if taken {
				return usage("only one form of the report can go to standard output")
			}
			taken = true
			list = append(list, &document{w: s.out, write: write})
			return nil
		}
		f, err := os.Create(name)
		if err != nil {
			return usage("the report cannot be written: %v", err)
		}
		list = append(list, &document{w: f, file: f, write: write})
		return nil
	}
	for _, form := range []struct {
		name  string
		write func(io.Writer, []*conformance.Report) error
	}{{r.Text, text}, {r.JSON, conformance.WriteJSON}, {r.JUnit, conformance.WriteJUnit}, {r.HTML, conformance.WriteHTML}} {
		if err := add(form.name, form.write); err != nil {
			return nil, err
		}
	}
	if r.Text == "" && !taken {
		list = append(list, &document{w: s.out, write: text})
	}
	return list, nil
}

// publish writes the documents and turns the reports into an exit code. ended is
// why the run ended before all cases were played, if it did.
func publish(documents []*document, reports []*conformance.Report, ended error) error {
	for _, d := range documents {
		err := d.write(d.w, reports)
		if d.file != nil {
			if e := d.file.Close(); err == nil {
				err = e
			}
		}
		if err != nil {
			return failed("the report cannot be written: %v", err)
		}
	}
	if ended != nil {
		return failed("the run was ended before all cases were played: %v", ended)
	}
	for _, r := range reports {
		switch c := r.Counts(); {
		case c.Failed > 0:
			return &failure{code: exitFailed} // the report says it
		case c.Passed == 0:
			return failed("no case was played with the %s: all were skipped; --with says what it offers besides the echo", r.Actor)
		}
	}
	return nil
}

// progress shows on a terminal how far a run has come.
type progress struct {
	w             io.Writer // nil: nothing is shown
	what          string
	total         int
	done, failing int
}

// progressOn shows progress if standard error is a terminal.
func progressOn(s streams, what string, total int) *progress {
	p := &progress{what: what, total: total}
	if f, ok := s.err.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = f
		}
	}
	return p
}

// each takes a result.
func (p *progress) each(r *conformance.Result) {
	p.done++
	if r.Verdict == conformance.Failed {
		p.failing++
	}
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\x1b[K%s: %d of %d, %d failed", p.what, p.done, p.total, p.failing)
	}
}

// end takes the line away.
func (p *progress) end() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
