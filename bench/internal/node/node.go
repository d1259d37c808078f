// Package node builds openline and runs servers of it, or other programs that print
// their address, as processes whose log is kept.
package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Build makes the program openline in dir, with the race detector if race is set,
// and returns its path. It runs in the folder of the benchmarks.
func Build(ctx context.Context, dir string, race bool) (string, error) {
	path := filepath.Join(dir, "openline")
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/openline/openline").Output()
	if err != nil {
		return "", fmt.Errorf("node: cannot find the module of openline, run it in the folder bench: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/openline")...)
	cmd.Dir = strings.TrimSpace(string(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("node: go build: %w\n%s", err, out)
	}
	return path, nil
}

// Node is the process of a server.
type Node struct {
	Address string // host:port
	Pid     int
	Log     string // file with what it wrote to standard error

	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // of its standard output, behind the address
	ended chan struct{}
	err   error // of the process; after ended
}

// Start starts a program that prints its address, as host:port or as a URL at the
// end of a line, and returns when it has. Its log goes to a file of that name. The process ends with this one.
func Start(cmd *exec.Cmd, log string) (*Node, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the process has its own
	n := &Node{Log: log, cmd: cmd, lines: make(chan string, 64), ended: make(chan struct{})}
	cmd.Stderr = f
	// A group of its own: what the terminal sends at Ctrl-C is not for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if n.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n.Pid = cmd.Process.Pid
	go n.read(out)
	for line := range n.lines {
		if n.Address = addressIn(line); n.Address != "" {
			return n, nil
		}
	}
	n.Kill()
	text, _ := os.ReadFile(log)
	return nil, fmt.Errorf("node: the server ended before it had said its address: %w\n%s", n.err, text)
}

// read takes what the process prints until it has ended.
func (n *Node) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		select {
		case n.lines <- s.Text():
		default: // nobody asked for it
		}
	}
	close(n.lines)
	n.err = n.cmd.Wait()
	close(n.ended)
}

// addressIn finds the address that a line ends with, "" if it does not.
func addressIn(line string) string {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return ""
	}
	last := fields[len(fields)-1]
	if u, err := url.Parse(last); err == nil && u.Scheme == "http" {
		last = u.Host
	}
	if _, port, err := net.SplitHostPort(last); err != nil || port == "" {
		return ""
	}
	return last
}

// Ask gives the process a line and returns the one that it prints next.
func (n *Node) Ask(order string) (string, error) {
	if _, err := fmt.Fprintln(n.in, order); err != nil {
		return "", err
	}
	line, ok := <-n.lines
	if !ok {
		return "", errors.New("node: the process has ended")
	}
	return line, nil
}

// Tell gives the process a line.
func (n *Node) Tell(order string) error {
	_, err := fmt.Fprintln(n.in, order)
	return err
}

// Lines is what the process prints behind its address; it is closed when that ends.
func (n *Node) Lines() <-chan string { return n.lines }

// Signal sends the process a signal.
func (n *Node) Signal(s os.Signal) error { return n.cmd.Process.Signal(s) }

// Wait waits for the process to end, no longer than d, and returns how it did: nil is
// the status 0.
func (n *Node) Wait(d time.Duration) error {
	select {
	case <-n.ended:
		return n.err
	case <-time.After(d):
		return fmt.Errorf("node: the process %d is still there after %v", n.Pid, d)
	}
}

// Kill ends the process and waits until it is gone.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// Descriptors returns what the process has open, each as the system names it. What
// changes with each, as a socket's number, is left out.
func (n *Node) Descriptors() (list []string, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", n.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		kind, _, _ := strings.Cut(name, ":[")
		list = append(list, kind)
	}
	return list, nil
}

// Complaints returns the lines of the log with one of the words in them, which are in
// lower case.
func (n *Node) Complaints(words ...string) (lines []string, err error) {
	b, err := os.ReadFile(n.Log)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		low := bytes.ToLower(line)
		for _, w := range words {
			if bytes.Contains(low, []byte(w)) {
				lines = append(lines, strings.TrimSpace(string(line)))
				break
			}
		}
	}
	return lines, nil
}
