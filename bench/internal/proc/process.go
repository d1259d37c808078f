package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Server is the process of a server. It prints its address first. Then it takes
// orders, a line each, and answers some of them with a line.
type Server struct {
	Address string // host:port on which it listens
	Pid     int
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Scanner
}

// Start starts a server on the first processor.
func Start(path string, args ...string) (*Server, error) {
	s := &Server{cmd: exec.Command(path, args...)}
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left behind when the benchmark is killed
	var err error
	if s.orders, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = bufio.NewScanner(out)
	if err := onServerCore(s.cmd.Start); err != nil {
		return nil, err
	}
	s.Pid = s.cmd.Process.Pid
	for s.Address == "" {
		line, err := s.answer()
		if err != nil {
			s.Stop()
			return nil, errors.New("proc: the server ended before it had said its address")
		}
		if _, _, err := net.SplitHostPort(line); err == nil {
			s.Address = line // a library may print lines of its own before
		}
	}
	return s, nil
}

// Order gives the server an order and does not wait.
func (s *Server) Order(order string) error {
	_, err := fmt.Fprintln(s.orders, order)
	return err
}

// Ask gives the server an order and returns the line that it answers with.
func (s *Server) Ask(order string) (string, error) {
	if err := s.Order(order); err != nil {
		return "", err
	}
	return s.answer()
}

func (s *Server) answer() (string, error) {
	if !s.answers.Scan() {
		return "", errors.Join(io.ErrUnexpectedEOF, s.answers.Err())
	}
	return strings.TrimSpace(s.answers.Text()), nil
}

// CPU returns the processor time that the server has used.
func (s *Server) CPU() (time.Duration, error) { return CPU(s.Pid) }

// Stop ends the process and waits until it is gone.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}
