package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// key is the API key of the server under test.
const key = "fanout-benchmark-key"

// server is a running `openline serve`.
type server struct {
	cmd  *exec.Cmd
	ws   string // ws://address
	http string // http://address
}

// startServer runs the binary on a free port and waits until it answers.
func startServer(ctx context.Context, binary string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.CommandContext(ctx, binary, "serve", "--listen", addr)
	cmd.Env = append(os.Environ(), "OPENLINE_API_KEY="+key)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, ws: "ws://" + addr, http: "http://" + addr}
	for {
		resp, err := http.Get(s.http + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		select {
		case <-ctx.Done():
			s.stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

func (s *server) broadcast(ctx context.Context, n int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+"/api/broadcast", bytes.NewReader(fmt.Appendf(nil, `{"N":%d}`, n)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New("broadcast: " + resp.Status)
	}
	return nil
}

// usage is what the server has used.
type usage struct {
	cpu time.Duration
	rss int64 // bytes
}

// clockTick is the unit of CPU time in /proc, which Linux fixes at 100 a second
// for programs.
const clockTick = time.Second / 100

// usage reads /proc. Its errors are left out: the figure is then zero.
func (s *server) usage() (u usage) {
	dir := "/proc/" + strconv.Itoa(s.cmd.Process.Pid)
	if stat, err := os.ReadFile(dir + "/stat"); err == nil {
		_, after, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(after); len(f) > 12 {
			user, _ := strconv.ParseInt(f[11], 10, 64)
			system, _ := strconv.ParseInt(f[12], 10, 64)
			u.cpu = time.Duration(user+system) * clockTick
		}
	}
	if status, err := os.Open(dir + "/status"); err == nil {
		defer status.Close()
		for sc := bufio.NewScanner(status); sc.Scan(); {
			if v, ok := strings.CutPrefix(sc.Text(), "VmRSS:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
				u.rss = kb << 10
			}
		}
	}
	return u
}
