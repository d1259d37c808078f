// Command gotest runs go test with the arguments it is given and shows a person what matters: one line a package, the
// output of what failed, and why a test was skipped. It appends "passed failed skipped" to the file that the
// environment variable OPENLINE_TEST_COUNTS names, and the skipped tests with their reasons to the same name with ".skips".
//
//	gotest [-C dir] [go test arguments]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string

	ImportPath string // of build-output
}

type key struct{ pkg, test string }

type report struct {
	out                     io.Writer
	output                  map[key][]string // output of what has not ended yet; of a package when test is empty
	results                 map[key]string
	passed, failed, skipped int
	skips                   []string
}

func main() {
	dir, args := ".", os.Args[1:]
	if len(args) >= 2 && args[0] == "-C" {
		dir, args = args[1], args[2:]
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	r := &report{out: os.Stdout, output: map[key][]string{}, results: map[key]string{}}
	r.read(stdout)
	status := 0
	if err := cmd.Wait(); err != nil || r.failed > 0 {
		status = 1
		if r.failed == 0 {
			r.failed = 1
		}
	}
	if err := r.save(os.Getenv("OPENLINE_TEST_COUNTS")); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		status = 1
	}
	os.Exit(status)
}

// read takes in the events until the stream ends.
func (r *report) read(in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Action == "" {
			fmt.Fprintln(r.out, lines.Text()) // go itself speaks, not a test
			continue
		}
		r.event(e)
	}
}

func (r *report) event(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.output[k] = append(r.output[k], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
			return
		}
		r.results[k] = e.Action
		switch e.Action {
		case "fail":
			fmt.Fprint(r.out, strings.Join(r.output[k], ""))
		case "skip":
			r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, skipReason(r.output[k])))
		}
		delete(r.output, k)
	}
}

// endPackage counts a package's tests. A test that has subtests is not counted beside them, unless it failed on its own.
func (r *report) endPackage(e event) {
	parents := map[string]bool{}
	failedBelow := map[string]bool{}
	for k, result := range r.results {
		if k.pkg != e.Package {
			continue
		}
		for name := k.test; ; {
			i := strings.LastIndexByte(name, '/')
			if i < 0 {
				break
			}
			name = name[:i]
			parents[name] = true
			if result == "fail" {
				failedBelow[name] = true
			}
		}
	}
	count, failedBefore := 0, r.failed
	for k, result := range r.results {
		if k.pkg != e.Package || parents[k.test] && (result != "fail" || failedBelow[k.test]) {
			continue
		}
		count++
		switch result {
		case "pass":
			r.passed++
		case "fail":
			r.failed++
		case "skip":
			r.skipped++
		}
	}
	if e.Action == "fail" {
		if r.failed == failedBefore { // a build that failed, a panic, TestMain's verdict
			r.failed++
		}
		// Tests that never ended: a panic or a timeout left their output behind.
		for _, k := range slices.SortedFunc(maps.Keys(r.output), func(a, b key) int { return strings.Compare(a.test, b.test) }) {
			if k.pkg == e.Package {
				fmt.Fprint(r.out, strings.Join(r.output[k], ""))
			}
		}
		fmt.Fprintf(r.out, "FAIL %s %.1fs\n", e.Package, e.Elapsed)
	} else if count > 0 {
		fmt.Fprintf(r.out, "ok   %s %.1fs, %d tests\n", e.Package, e.Elapsed, count)
	}
	maps.DeleteFunc(r.output, func(k key, _ []string) bool { return k.pkg == e.Package })
}

// skipReason is what the test gave to t.Skip, without the place in the source.
func skipReason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if _, reason, ok := strings.Cut(line, ".go:"); ok {
			if _, reason, ok := strings.Cut(reason, ": "); ok {
				return reason
			}
		}
		return line
	}
	return "no reason given"
}

func (r *report) save(path string) error {
	if path == "" {
		return nil
	}
	if err := appendTo(path, fmt.Sprintf("%d %d %d\n", r.passed, r.failed, r.skipped)); err != nil {
		return err
	}
	for _, s := range r.skips {
		if err := appendTo(path+".skips", s+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
