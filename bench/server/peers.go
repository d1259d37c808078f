package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/openline/openline/bench/internal/proc"
	"github.com/openline/openline/internal/load"
)

// key is the API key of the server under test.
const key = "key-of-the-benchmark"

// workshop is where servers are made.
type workshop struct {
	dir    string // for what a server needs; it goes away at the end
	binary string // of openline
}

// peer is one kind of server.
type peer struct {
	name string
	// missing says why it cannot be measured here, if it cannot.
	missing func(ctx context.Context) error
	// command is how it is started, and dialect how it is spoken to.
	command func(w *workshop, addr netip.AddrPort) (*exec.Cmd, error)
	dialect func(host string, s scene) load.Dialect
	slow    bool // it takes long, and is far from ours
	w       *workshop
}

// scene is what sessions are there for: each server subscribes them to that and no
// more.
type scene int

const (
	together scene = iota // a channel that all are subscribed to
	apart                 // each has a channel of its own
)

const (
	openline = "openline"
	nchan    = "nchan"
	socketIO = "socket.io"
)

var peers = []*peer{
	{
		name:    openline,
		missing: func(context.Context) error { return nil },
		command: func(w *workshop, addr netip.AddrPort) (*exec.Cmd, error) {
			cmd := exec.Command(w.binary, "serve", "--listen", addr.String(), "--log-level", "error")
			cmd.Env = append(os.Environ(), "OPENLINE_API_KEY="+key)
			return cmd, nil
		},
		dialect: func(host string, s scene) load.Dialect {
			d := &load.Openline{Host: host, Key: key, Prefix: "u"}
			if s == together {
				d.Channel = "all"
			}
			return d
		},
	},
	{
		name:    nchan,
		missing: nginxMissing,
		command: nginxCommand,
		dialect: func(host string, s scene) load.Dialect { return &nchanDialect{host, s} },
	},
	{
		name:    socketIO,
		slow:    true,
		missing: nodeMissing,
		command: func(_ *workshop, addr netip.AddrPort) (*exec.Cmd, error) {
			return exec.Command("node", "server/js/server.js", strconv.Itoa(int(addr.Port()))), nil
		},
		dialect: func(host string, s scene) load.Dialect { return &socketIODialect{host, s} },
	},
}

// pickPeers returns the servers that are named and can be measured here, and why
// the others cannot.
func pickPeers(ctx context.Context, text string, w *workshop) (list []*peer, missing map[string]error, err error) {
	chosen, err := pick(text, peers, func(p *peer) string { return p.name })
	if err != nil {
		return nil, nil, err
	}
	missing = make(map[string]error)
	for _, p := range chosen {
		if why := p.missing(ctx); why != nil {
			missing[p.name] = why
			continue
		}
		p.w = w
		list = append(list, p)
	}
	return list, missing, nil
}

// nodeMissing says why Socket.IO cannot be run, after it has tried to install it.
func nodeMissing(ctx context.Context) error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("there is no Node.js here")
	}
	if _, err := os.Stat("server/js/node_modules/socket.io"); err == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "npm", "--prefix", "server/js", "ci", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in bench/server/js: %w: %.200s", err, out)
	}
	return nil
}

// server is a server under test.
type server struct {
	cmd  *exec.Cmd
	addr netip.AddrPort
	done chan struct{} // closed when it has ended
}

// start runs a server and waits until it answers.
func (p *peer) start(ctx context.Context) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{addr: netip.MustParseAddrPort(l.Addr().String()), done: make(chan struct{})}
	_ = l.Close()
	if s.cmd, err = p.command(p.w, s.addr); err != nil {
		return nil, err
	}
	s.cmd.Stderr = os.Stderr
	if err := proc.StartCommand(s.cmd); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	const patience = 15 * time.Second
	limit := time.After(patience)
	for {
		c, err := net.Dial("tcp", s.addr.String())
		if err == nil {
			_ = c.Close()
			return s, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.done:
			return nil, fmt.Errorf("%s ended at its start: %v", p.name, s.cmd.ProcessState)
		case <-limit:
			s.stop()
			return nil, fmt.Errorf("%s does not answer after %v: %w", p.name, patience, err)
		case <-ctx.Done():
			s.stop()
			return nil, ctx.Err()
		}
	}
}

// stop ends the server's processes.
func (s *server) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// usage is what the server has used so far.
func (s *server) usage() load.Usage {
	u, _ := load.ReadUsage(s.cmd.Process.Pid) // one that has ended fails the load
	return u
}

// files is how many files the server's processes have open.
func (s *server) files() (n int) {
	for _, pid := range load.Family(s.cmd.Process.Pid) {
		list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		n += len(list)
	}
	return n
}
