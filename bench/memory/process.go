package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// roleEnv names, in the environment of a server's process, the contender it is.
const roleEnv = "OPENLINE_BENCH_MEMORY_SERVER"

// serve is a server's process. It prints its address, and for each line it reads it
// collects garbage, gives free memory back and prints a line. It ends with its input.
func serve(name string) error {
	var handler http.Handler
	for _, c := range contenders {
		if c.name == name {
			handler = c.handler()
		}
	}
	if handler == nil {
		return errors.New("there is no such server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()
	fmt.Println(l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for range 3 { // what a pool holds survives one collection
			debug.FreeOSMemory()
		}
		fmt.Println("settled")
	}
	return srv.Close()
}

// server is a server's process, seen from outside.
type server struct {
	address string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// startServer starts the contender of that name.
func startServer(ctx context.Context, name string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.CommandContext(ctx, self)}
	s.cmd.Env = append(os.Environ(), roleEnv+"="+name)
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := s.out.ReadString('\n')
	s.address = strings.TrimSpace(line)
	return s, err
}

// settle has the server collect its garbage and returns its resident memory.
func (s *server) settle() (rss int64, err error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, err
	}
	if _, err := s.out.ReadString('\n'); err != nil {
		return 0, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("/proc does not tell its resident memory")
}

func (s *server) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}
