package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/openline/openline/websocket"
)

var builds string // the folder for program

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "openline-interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds = dir
	status := m.Run()
	os.RemoveAll(dir) // a temporary folder
	os.Exit(status)
}

// program builds the openline command once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builds, "openline")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/openline")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/openline: %w\n%s", err, out)
	}
	return path, nil
})

// server is a running openline serve.
type server struct {
	http, ws string // addresses without a path
	key      string // of the HTTP API
	pid      int
}

var address = regexp.MustCompile(`https?://[^\s/"]+`)

// serve runs openline serve until the test ends.
func serve(t *testing.T, env ...string) *server {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{key: "the-key-of-this-test"}
	cmd := exec.Command(path, "serve", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "OPENLINE_API_KEY="+s.key)
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = guard
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	found := make(chan string, 1)
	read := make(chan struct{})
	var log bytes.Buffer
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(&log, lines.Text())
			if a := address.FindString(lines.Text()); a != "" {
				select {
				case found <- a:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // it may have ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("openline serve: %v", err)
		}
		<-read
		out.Close()
		if t.Failed() {
			t.Logf("openline serve said:\n%s", log.String())
		}
	})
	select {
	case s.http = <-found:
	case <-read:
		t.Fatal("openline serve ended before it printed its address")
	}
	s.ws = "ws" + strings.TrimPrefix(s.http, "http")
	return s
}

// envelope is what Openline sends.
type envelope struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Channel string          `json:"channel"`
	From    string          `json:"from"`
	Ref     json.RawMessage `json:"ref"`
	Data    json.RawMessage `json:"data"`
}

// session is an end that has had its sys:open.
type session struct {
	end
	session string
}

// begin expects sys:open, first of all.
func begin(t *testing.T, e end, user string) *session {
	t.Helper()
	s := &session{end: e}
	m := s.next(t)
	var data struct{ Session, User, Transport string }
	if err := json.Unmarshal(m.Data, &data); err != nil || m.Type != "sys:open" || data.User != user || data.Transport != "websocket" || data.Session == "" {
		t.Fatalf("the first envelope is %s %s", m.Type, m.Data)
	}
	s.session = data.Session
	return s
}

// dial connects with our own client.
func (srv *server) dial(t *testing.T, path string) end {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), guard)
	defer stop()
	c, err := websocket.Dial(ctx, srv.ws+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := newOurEnd(c)
	t.Cleanup(e.drop)
	return e
}

// open opens a session with our own client.
func (srv *server) open(t *testing.T, user string) *session {
	t.Helper()
	return begin(t, srv.dial(t, "/ws/"+user), user)
}

func (s *session) next(t *testing.T) envelope {
	t.Helper()
	ev := next(t, s)
	var m envelope
	if ev.kind != message || ev.binary {
		t.Fatalf("got %s, want an envelope", ev)
	}
	if err := json.Unmarshal(ev.data, &m); err != nil {
		t.Fatalf("%s: %v", ev, err)
	}
	return m
}

// nextClose is the next event, past what the server still has to say.
func (s *session) nextClose(t *testing.T) event {
	t.Helper()
	for {
		if ev := next(t, s); ev.kind != message {
			return ev
		}
	}
}

func (s *session) ask(t *testing.T, request string) {
	t.Helper()
	if err := s.send(false, []byte(request)); err != nil {
		t.Fatal(err)
	}
}

// wantData expects a message of a channel with exactly these bytes as its data.
func wantData(t *testing.T, s *session, channel, data string) envelope {
	t.Helper()
	m := s.next(t)
	if m.Channel != channel || string(m.Data) != data || m.ID == "" {
		t.Fatalf("got %s %q %s, want %s in %s", m.Type, m.Channel, m.Data, data, channel)
	}
	return m
}

// wantReply expects the reply to the request with this ref.
func wantReply(t *testing.T, s *session, kind, ref string) envelope {
	t.Helper()
	m := s.next(t)
	if m.Type != kind || string(m.Ref) != ref {
		t.Fatalf("got %s ref %s %s, want %s ref %s", m.Type, m.Ref, m.Data, kind, ref)
	}
	return m
}

// dialer opens a connection with a client that others wrote.
type dialer func(t *testing.T, url string, subprotocols []string) end

// eachClient runs check with every client that is here.
func eachClient(t *testing.T, check func(t *testing.T, dial dialer)) {
	for _, c := range []struct {
		name string
		dial func(t *testing.T) dialer
	}{
		{"gorilla", func(*testing.T) dialer { return gorillaDial }},
		{"coder", func(*testing.T) dialer { return coderDial }},
		{"gws", func(*testing.T) dialer { return gwsDial }},
		{"gobwas", func(*testing.T) dialer { return gobwasDial }},
		{"ws", func(t *testing.T) dialer { return start(t, node(t, "ws"), "ws.mjs", "client").dial }},
		{"undici", func(t *testing.T) dialer { return start(t, node(t, "undici"), "undici.mjs").dial }},
		{"websockets", func(t *testing.T) dialer { return start(t, python(t), "websockets_peer.py", "client").dial }},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, c.dial(t)) })
	}
}

func TestServer(t *testing.T) {
	srv := serve(t)
	eachClient(t, func(t *testing.T, dial dialer) {
		bob := srv.open(t, "bob")
		alice := begin(t, dial(t, srv.ws+"/ws/alice", nil), "alice")

		alice.ask(t, `{"type":"ping","ref":"p"}`)
		wantReply(t, alice, "sys:ok", `"p"`)

		alice.ask(t, `{"type":"send","to":"bob","data":{"text":"grüß dich"},"ref":1}`)
		if m := wantData(t, bob, "@bob", `{"text":"grüß dich"}`); m.From != "alice" {
			t.Errorf("from %q, want alice", m.From)
		}
		wantReply(t, alice, "sys:ok", `1`)

		bob.ask(t, `{"type":"send","to":"alice","event":"answer","data":null}`)
		if m := wantData(t, alice, "@alice", `null`); m.Type != "answer" {
			t.Errorf("type %q, want answer", m.Type)
		}
		wantReply(t, bob, "sys:ok", "")

		alice.ask(t, `{"type":"subscribe","channel":"chat:lobby","ref":2}`)
		wantReply(t, alice, "sys:ok", `2`)
		bob.ask(t, `{"type":"publish","channel":"chat:lobby","data":[ 1,2 ],"ref":3}`)
		wantData(t, alice, "chat:lobby", `[ 1,2 ]`)
		wantReply(t, bob, "sys:ok", `3`)

		alice.ask(t, `{"type":`)
		wantReply(t, alice, "sys:error", "")
		alice.ask(t, `{"type":"ping","ref":4}`)
		wantReply(t, alice, "sys:ok", `4`)

		for i := range 300 {
			bob.ask(t, fmt.Sprintf(`{"type":"send","to":"alice","data":%d}`, i))
			wantReply(t, bob, "sys:ok", "")
		}
		for i := range 300 {
			wantData(t, alice, "@alice", fmt.Sprint(i))
		}
		if err := alice.close(1000, "bye"); err != nil {
			t.Fatal(err)
		}
		if ev := alice.nextClose(t); ev.kind == closed && ev.code != 1000 { // gws does not wait for the answer
			t.Errorf("got %s, want close 1000", ev)
		}
	})
}

func TestServerRaw(t *testing.T) {
	srv := serve(t)
	eachClient(t, func(t *testing.T, dial dialer) {
		// A raw session has no sys:open: it has begun when it hears itself.
		hello := event{kind: message, data: []byte("hello")}
		theirs := dial(t, srv.ws+"/ws/alice?raw=game:1", nil)
		say(t, theirs, hello)
		want(t, theirs, hello)
		ours := srv.dial(t, "/ws/bob?raw=game:1")
		say(t, ours, hello)
		want(t, ours, hello)
		want(t, theirs, hello)
		for _, m := range []event{
			{kind: message, binary: true, data: octets(300)},
			{kind: message, data: []byte("not JSON")},
			{kind: message, binary: true, data: octets(70_000)},
		} {
			say(t, theirs, m)
			want(t, theirs, m)
			want(t, ours, m)
		}
		theirs.drop()
	})
}

func say(t *testing.T, e end, m event) {
	t.Helper()
	if err := e.send(m.binary, m.data); err != nil {
		t.Fatal(err)
	}
}

func TestServerToken(t *testing.T) {
	secret := "OPENLINE_TOKEN_HMAC_SECRET=" + strings.Repeat("secret ", 6)
	srv := serve(t, secret)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "token", "alice")
	cmd.Env = append(os.Environ(), secret)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(out))
	eachClient(t, func(t *testing.T, dial dialer) {
		e := dial(t, srv.ws+"/ws/alice", []string{"openline.v1", "bearer." + token})
		if e.subprotocol() != "openline.v1" {
			t.Errorf("subprotocol %q, want openline.v1", e.subprotocol())
		}
		begin(t, e, "alice")
		e.drop()
		begin(t, dial(t, srv.ws+"/ws/alice?token="+token, nil), "alice")
	})
}
