package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func lastCore() int { return runtime.NumCPU() - 1 }

// pin keeps a process on a core, where there is more than one.
func pin(pid, core int) error {
	if runtime.NumCPU() < 2 {
		return nil
	}
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(pid, &set)
}

// measure runs one server under one load, and returns the CPU time of a message in
// microseconds and messages a second.
func measure(name string, s *scenario, d time.Duration) (cpu, rate float64, err error) {
	cmd, err := command(name)
	if err != nil {
		return 0, 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	addr := ""
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		if _, _, err := net.SplitHostPort(lines.Text()); err == nil {
			addr = lines.Text() // others may say more than that
		}
	}
	f, err := launch(addr, s, strings.HasPrefix(name, "raw"))
	if f != nil {
		defer f.close()
	}
	if err != nil {
		return 0, 0, err
	}
	if _, err := f.drive(d / 4); err != nil { // warm up
		return 0, 0, err
	}
	before, err := used(cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	n, err := f.drive(d)
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(start)
	after, err := used(cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	if n == 0 {
		return 0, 0, errors.New("no message came back")
	}
	return float64((after - before).Nanoseconds()) / 1e3 / float64(n), float64(n) / took.Seconds(), nil
}

// command is the server as a process on the first core. Its own threads inherit
// that.
func command(name string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"-c", "0", self, "serve", name}
	if name == "raw C" {
		binary, err := buildC()
		if err != nil {
			return nil, err
		}
		args = []string{"-c", "0", binary}
	}
	if runtime.NumCPU() < 2 {
		return exec.Command(args[2], args[3:]...), nil
	}
	return exec.Command("taskset", args...), nil
}

// buildC builds the echo in C with the machine's compiler.
func buildC() (string, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return "", errors.New("there is no C compiler here")
	}
	binary := filepath.Join(os.TempDir(), "openline-bench-rawecho")
	if out, err := exec.Command(cc, "-O2", "-o", binary, "echo/c/raw.c").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cc: %w\n%s", err, out)
	}
	return binary, nil
}

// used is the CPU time of all threads of a process so far, those that ended
// included, as the scheduler counts it.
func used(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("the server has ended")
	}
	var total time.Duration
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		ns, _, _ := bytes.Cut(b, []byte(" "))
		n, err := strconv.ParseInt(string(ns), 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(n)
	}
	return total, nil
}
