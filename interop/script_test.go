package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is a peer that is a program of its own; doc.go has its language.
type script struct {
	orders *json.Encoder
	lines  chan line
	mu     sync.Mutex // guards orders
}

// line is what a peer says.
type line struct {
	Event       string `json:"event"`
	Connection  int    `json:"connection"` // counted by the peer
	Port        int    `json:"port"`
	Subprotocol string `json:"subprotocol"`
	Binary      bool   `json:"binary"`
	Data        []byte `json:"data"`
	Code        int    `json:"code"`
	Reason      string `json:"reason"`
	Message     string `json:"message"`
}

type order struct {
	Do           string   `json:"do"`
	Connection   int      `json:"connection,omitempty"`
	URL          string   `json:"url,omitempty"`
	Subprotocols []string `json:"subprotocols"`
	Binary       bool     `json:"binary"`
	Fragments    [][]byte `json:"fragments,omitempty"`
	Data         []byte   `json:"data"`
	Code         int      `json:"code,omitempty"`
	Reason       string   `json:"reason"`
}

// start runs a peer until the test ends.
func start(t *testing.T, command ...string) *script {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) // the context kills it when the test ends
	cmd.Dir = "peers"
	cmd.WaitDelay = guard
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &script{orders: json.NewEncoder(stdin), lines: make(chan line, 4096)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(s.lines)
		s.read(stdout)
	}()
	t.Cleanup(func() {
		stdin.Close()
		<-read
		cmd.Wait() // it was killed
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("%s: %s", strings.Join(command, " "), stderr.String())
		}
	})
	return s
}

func (s *script) read(r io.Reader) {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		raw, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			l = line{Event: string(failure), Message: fmt.Sprintf("not in the peers' language: %q", raw)}
		}
		s.lines <- l
	}
}

func (s *script) tell(o order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders.Encode(o)
}

// expect waits for one kind of line and drops what a former connection still says before it.
func (s *script) expect(t *testing.T, event string) line {
	t.Helper()
	deadline := time.After(guard)
	for {
		select {
		case l, ok := <-s.lines:
			if !ok {
				t.Fatalf("the peer ended before it said %q", event)
			}
			if l.Event == event {
				return l
			}
			if l.Event == string(failure) {
				t.Logf("the peer says: %s", l.Message)
			}
		case <-deadline:
			t.Fatalf("the peer never said %q", event)
		}
	}
}

// dial makes a client open a connection.
func (s *script) dial(t *testing.T, url string, subprotocols []string) end {
	t.Helper()
	if subprotocols == nil {
		subprotocols = []string{}
	}
	if err := s.tell(order{Do: "dial", URL: url, Subprotocols: subprotocols}); err != nil {
		t.Fatal(err)
	}
	return s.hold(t, s.expect(t, "open"))
}

// hold makes an end of the connection that the peer has just opened.
func (s *script) hold(t *testing.T, opened line) end {
	e := &scriptEnd{queue: newQueue(), s: s, opened: opened, stop: make(chan struct{}), ended: make(chan struct{})}
	go e.pump()
	t.Cleanup(e.drop)
	return e
}

type scriptEnd struct {
	queue
	s      *script
	opened line
	once   sync.Once
	stop   chan struct{}
	ended  chan struct{}
}

// pump turns lines into events up to the close.
func (e *scriptEnd) pump() {
	defer close(e.ended)
	for {
		select {
		case l, ok := <-e.s.lines:
			if !ok {
				e.queue <- event{kind: failure, reason: "the peer ended"}
				return
			}
			if l.Connection != 0 && l.Connection != e.opened.Connection {
				continue // the end of a connection before this one
			}
			e.queue <- event{kind: kind(l.Event), binary: l.Binary, data: l.Data, code: l.Code, reason: l.Reason + l.Message}
			if l.Event == string(closed) {
				return
			}
		case <-e.stop:
			return
		}
	}
}

func (e *scriptEnd) subprotocol() string { return e.opened.Subprotocol }

func (e *scriptEnd) send(binary bool, fragments ...[]byte) error {
	for i, f := range fragments {
		if f == nil {
			fragments[i] = []byte{}
		}
	}
	return e.s.tell(order{Do: "send", Binary: binary, Fragments: fragments})
}

func (e *scriptEnd) ping(data []byte) error { return e.s.tell(order{Do: "ping", Data: data}) }

func (e *scriptEnd) close(code int, reason string) error {
	return e.s.tell(order{Do: "close", Code: code, Reason: reason})
}

func (e *scriptEnd) drop() {
	e.once.Do(func() {
		close(e.stop)
		<-e.ended
		e.s.tell(order{Do: "drop", Connection: e.opened.Connection}) // the peer may be gone, which drops it too
	})
}

// node finds Node.js and the packages of package.json.
func node(t *testing.T, module string) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("%s: Node.js is not installed", module)
	}
	if err := exec.CommandContext(t.Context(), path, "-e", "require.resolve("+fmt.Sprintf("%q", module)+")").Run(); err != nil {
		t.Skipf("%s: not installed; run npm ci in interop", module)
	}
	return path
}
