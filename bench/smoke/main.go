// Command smoke measures briefly what this project promises of its speed and memory,
// and prints a line for each promise: pass, fail or skip; what was measured; our
// figure; the peer's; their ratio; the bar that it has to keep. It takes less than
// five minutes. Its status is 1 if a promise was not kept.
//
//	cd bench && go run ./smoke
//
// The measuring is done by the programs library and server, one after the other, which
// print the same lines with tabs between the fields. Everything else that they print
// to the standard output is passed on.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/openline/openline/bench/internal/bar"
)

// programs are the packages that measure, each with the flag -smoke.
var programs = []string{"library", "server"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	lines, err := run(ctx)
	failed := report(os.Stdout, lines)
	if err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
	}
	if err != nil || failed {
		os.Exit(1)
	}
}

// run builds the programs first, so that nothing is built while something is measured.
// One that fails is a line, and the others go on.
func run(ctx context.Context) (lines []bar.Line, err error) {
	start := time.Now()
	dir, err := os.MkdirTemp("", "openline-smoke")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	failed := map[string]error{}
	for _, name := range programs {
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), "./"+name)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			failed[name] = fmt.Errorf("go build ./%s (run this in the folder bench): %w", name, err)
		}
	}
	for _, name := range programs {
		if failed[name] == nil {
			var found []bar.Line
			found, failed[name] = measure(ctx, filepath.Join(dir, name))
			lines = append(lines, found...)
		}
		if failed[name] != nil {
			lines = append(lines, bar.Fail(name, failed[name].Error()))
		}
	}
	fmt.Fprintf(os.Stderr, "measured in %.0f s\n", time.Since(start).Seconds())
	return lines, ctx.Err()
}

// measure runs one program.
func measure(ctx context.Context, path string) (lines []bar.Line, err error) {
	cmd := exec.CommandContext(ctx, path, "-smoke")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // it ends its servers first
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines, err = read(out)
	return lines, errors.Join(err, cmd.Wait())
}

// read takes the lines from what a program prints, and passes on the rest.
func read(r io.Reader) (lines []bar.Line, err error) {
	in := bufio.NewScanner(r)
	for in.Scan() {
		if l, ok := bar.Parse(in.Text()); ok {
			lines = append(lines, l)
		} else {
			fmt.Println(in.Text())
		}
	}
	return lines, in.Err()
}

// report prints the lines with their fields below each other, and how many there are
// of each result. It reports whether a promise was not kept.
func report(w io.Writer, lines []bar.Line) (failed bool) {
	count := map[string]int{}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	bar.Line{Result: "", What: "what", Ours: "ours", Peer: "peer's", Ratio: "ratio", Bar: "bar"}.Write(t)
	for _, l := range lines {
		count[l.Result]++
		l.Write(t)
	}
	_ = t.Flush()
	var parts []string
	for _, result := range []string{"pass", "fail", "skip"} {
		parts = append(parts, fmt.Sprintf("%d %s", count[result], result))
	}
	fmt.Fprintln(w, strings.Join(parts, ", "))
	return count["fail"] > 0
}
