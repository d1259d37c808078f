package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/openline/openline/bench/internal/node"
	"github.com/openline/openline/bench/internal/proc"
)

// The kinds of servers.
const (
	kindServe = "serve" // openline serve
	kindLoop  = "loop"  // an echo on loops of package websocket
)

const (
	maxMessage = 64 << 10 // of both servers, in octets
	drainTime  = 10 * time.Second
	mostHeavy  = 40 // the kernel keeps some MiB for each; all of it together would slow everybody down
	apiKey     = "soak-key-of-this-run-alone"
)

// target is the server under test.
type target struct {
	kind    string
	node    *node.Node
	ledgers []ledger
	api     *http.Client // nil: the server has no HTTP API

	silent    time.Duration // in which a peer that says nothing is cut off
	stalled   time.Duration // in which a frame has to go on
	head      time.Duration // in which a request has to be there
	fragments int           // that a message may have
	heavy     chan struct{} // has room for the peers for which much may wait unread
}

// startServe starts openline serve.
func startServe(ctx context.Context, dir string, race bool) (*target, error) {
	program, err := node.Build(ctx, dir, race)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--ping", "4s",
		"--limits-message-size", strconv.Itoa(maxMessage), "--limits-queue-bytes", "256KiB", "--drain", drainTime.String())
	cmd.Env = append(os.Environ(), "OPENLINE_API_KEY="+apiKey)
	t := &target{
		kind: kindServe, silent: 20 * time.Second, stalled: 30 * time.Second, head: 10 * time.Second, fragments: 1 << 17, heavy: make(chan struct{}, mostHeavy),
		ledgers: make([]ledger, 4), api: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 20 * time.Second}},
	}
	for i := range t.ledgers {
		t.ledgers[i].channel = "soak:" + strconv.Itoa(i)
	}
	t.node, err = node.Start(cmd, filepath.Join(dir, "serve.log"))
	return t, err
}

// startLoop starts this program as a server.
func startLoop(ctx context.Context, dir string, race bool) (*target, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if race {
		program = filepath.Join(dir, "echo")
		if out, err := exec.CommandContext(ctx, "go", "build", "-race", "-o", program, "./soak").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	t := &target{kind: kindLoop, silent: 11 * time.Second, stalled: 15 * time.Second, head: 5 * time.Second, fragments: 1000, heavy: make(chan struct{}, mostHeavy)}
	t.node, err = node.Start(exec.Command(program, "-echo"), filepath.Join(dir, "loop.log"))
	return t, err
}

// state is what a server has at a moment.
type state struct {
	descriptors []string
	memory      int64 // octets, anonymous and resident
	sessions    int
	goroutines  int // 0: not known
}

// look reads the state.
func (t *target) look() (s state, err error) {
	if s.descriptors, err = t.node.Descriptors(); err != nil { // before there is one for the question below
		return s, err
	}
	if t.kind == kindLoop {
		line, err := t.node.Ask("state")
		if err != nil {
			return s, err
		}
		if _, err := fmt.Sscan(line, &s.sessions, &s.goroutines); err != nil {
			return s, fmt.Errorf("the server printed %q: %w", line, err)
		}
	} else {
		var list struct{ Count int }
		if err := t.call(context.Background(), "GET", "/api/sessions?limit=1", nil, &list); err != nil {
			return s, err
		}
		s.sessions = list.Count
		t.api.CloseIdleConnections()
	}
	m, err := proc.Resident(t.node.Pid)
	if err != nil {
		return s, err
	}
	s.memory = m.Anonymous
	return s, nil
}

// call calls the HTTP API. into, if not nil, gets the answer.
func (t *target) call(ctx context.Context, method, path string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+t.node.Address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	answer, err := t.api.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, strings.TrimSpace(string(text)))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s %s: the answer is no JSON: %w", method, path, err)
	}
	return nil
}
