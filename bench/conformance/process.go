package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxMemory is what an end under test may use before it is stopped, in bytes.
const maxMemory = 6 << 30

// process is a running program, with those that it has started.
type process struct {
	cmd    *exec.Cmd
	first  chan string   // its first line
	done   chan struct{} // closed when it has ended
	errors tail

	mu   sync.Mutex
	peak int64 // resident bytes; guarded by mu
}

// startProcess starts a program in a process group of its own.
func startProcess(command, env []string) (*process, error) {
	p := &process{cmd: exec.Command(command[0], command[1:]...), first: make(chan string, 1), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.errors
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.watch()
	go func() {
		defer close(p.done)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			select {
			case p.first <- sc.Text():
			default:
			}
		}
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// watch notes how much memory the process uses, and stops it beyond maxMemory.
func (p *process) watch() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
		status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
		if err != nil {
			continue // another system than Linux, or it has just ended
		}
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		kb, _ := strconv.ParseInt(fields[0], 10, 64)
		p.mu.Lock()
		p.peak = max(p.peak, kb<<10)
		p.mu.Unlock()
		if kb<<10 > maxMemory {
			p.kill()
		}
	}
}

func (p *process) memory() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peak
}

func (p *process) kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// stop ends the process and waits for that.
func (p *process) stop() {
	p.kill()
	<-p.done
}

// line waits for the first line that the process prints.
func (p *process) line(ctx context.Context) (string, error) {
	select {
	case s := <-p.first:
		return s, nil
	case <-p.done:
		return "", fmt.Errorf("it ended at once: %s", p.errors.String())
	case <-time.After(30 * time.Second):
		return "", errors.New("it printed no address")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if drop := len(t.data) - 8<<10; drop > 0 {
		t.data = append(t.data[:0], t.data[drop:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
