package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openline/openline/auth"
	"github.com/openline/openline/server"
	"github.com/openline/openline/websocket"
)

func TestConnect(t *testing.T) {
	serve(t, &server.Config{})
	alice := start(t, "connect", "alice")
	alice.err.await(t, `^connected to ws://127\.0\.0\.1:\d+/ws/alice\n`)
	alice.out.await(t, `"sys:open"`)
	fmt.Fprintln(alice.in, `{"type":"ping","ref":1}`)
	alice.out.await(t, `(?m)^\{"type":"sys:ok","ref":1,.*\}$`)
	fmt.Fprintln(alice.in, `plain`)
	alice.out.await(t, `"bad_json"`)
	alice.stop()
	if code := alice.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	alice.err.await(t, `\nclosed by this end: 1000 normal closure\n$`)
}

// Standard input that has ended leaves time for the answer.
func TestConnectPipe(t *testing.T) {
	serve(t, &server.Config{})
	code, out, err := execute(t, "{\"type\":\"ping\",\"ref\":\"end\"}\r\n{\"type\":\"ping\",\"ref\":2}", "connect", "alice", "--wait=1s")
	if code != 0 || !strings.Contains(out, `"ref":"end"`) || !strings.Contains(out, `"ref":2`) {
		t.Errorf("%d %s %s", code, out, err)
	}
}

// With --wait negative, the server has the last word.
func TestConnectUntilClosed(t *testing.T) {
	s := serve(t, &server.Config{})
	alice := start(t, "connect", "alice", "--wait=-1s")
	alice.in.Close()
	alice.out.await(t, `"sys:open"`)
	if n := s.Hub().DisconnectUser("alice", 4009, "come back later"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if code := alice.ended(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	alice.err.await(t, `\nclosed by the server: 4009 "come back later"\n$`)
}

func TestConnectRefused(t *testing.T) {
	serve(t, &server.Config{Token: server.TokenConfig{HMACSecret: strings.Repeat("s", auth.MinSecret)}})
	address := "ws" + strings.TrimPrefix(os.Getenv("OPENLINE_SERVER"), "http")
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"alice"}, 1, "401"},
		{[]string{"alice"}, 1, "A token is needed"},
		{[]string{"alice", "--token=x"}, 1, "not a JSON Web Token"},
		{[]string{address + "/nothing"}, 1, "404"},
		{[]string{strings.TrimPrefix(address, "ws://") + "/ws/a*b"}, 1, "user's name"},
		{[]string{"al ice"}, 2, "neither an address nor a user"},
		{[]string{"localhost:8080"}, 2, "write ws://localhost:8080/ws/USER"},
		{[]string{"ftp://x/y"}, 1, "ftp"},
		{[]string{"alice", "--header=x"}, 2, "NAME: VALUE"},
		{[]string{"ws://127.0.0.1:1/ws/alice"}, 1, "refused"},
	} {
		code, out, err := execute(t, "", append([]string{"connect"}, test.args...)...)
		if code != test.code || out != "" || !strings.Contains(err, test.says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", test.args, code, out, err)
		}
	}
}

func TestConnectToken(t *testing.T) {
	secret := strings.Repeat("s", auth.MinSecret)
	serve(t, &server.Config{Token: server.TokenConfig{HMACSecret: secret}})
	_, token, _ := execute(t, "", "token", "alice", "--secret", secret)
	t.Setenv("OPENLINE_TOKEN", strings.TrimSpace(token))
	code, out, err := execute(t, "", "connect", "alice", "--trace")
	if code != 0 || !strings.Contains(out, "sys:open") {
		t.Errorf("%d %s %s", code, out, err)
	}
	if strings.Contains(out+err, strings.TrimSpace(token)) || !strings.Contains(out, "Authorization: (hidden)") {
		t.Errorf("the trace shows the token:\n%s", out)
	}
	code, out, err = execute(t, "", "connect", os.Getenv("OPENLINE_SERVER")+"/ws/alice?token="+strings.TrimSpace(token), "--trace", "--token=")
	if code != 0 || strings.Contains(out+err, strings.TrimSpace(token)) {
		t.Errorf("the trace shows the token:\n%d %s %s", code, out, err)
	}
}

// echoServer is a server that is not Openline.
func echoServer(t *testing.T, fn func(*websocket.Conn, *http.Request)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"b"}, Origins: []string{"*"}})
		if err == nil {
			fn(c, r)
		}
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/"
}

func TestConnectOptions(t *testing.T) {
	seen := make(chan *http.Request, 1)
	address := echoServer(t, func(c *websocket.Conn, r *http.Request) {
		seen <- r
		_ = c.Write(r.Context(), websocket.Binary, []byte{0, 0xAB})
		_ = c.Close(websocket.CloseNormal, "bye")
	})
	code, out, err := execute(t, "", "connect", address, "--subprotocol=a", "--subprotocol=b", "--origin=https://app.example", "-H", "X-A: 1, 2", "--header=X-B:3", "--wait=-1s")
	if code != 0 || out != "00ab\n" || !strings.Contains(err, "(subprotocol b)") || !strings.Contains(err, `closed by the server: 1000 normal closure "bye"`) {
		t.Errorf("%d %q %s", code, out, err)
	}
	r := <-seen
	if r.Header.Get("Origin") != "https://app.example" || r.Header.Get("X-A") != "1, 2" || r.Header.Get("X-B") != "3" || r.Header.Get("Sec-WebSocket-Protocol") != "a, b" {
		t.Errorf("%v", r.Header)
	}
}

func TestConnectLost(t *testing.T) {
	address := echoServer(t, func(c *websocket.Conn, _ *http.Request) { _ = c.CloseNow() })
	code, _, err := execute(t, "", "connect", address, "--wait=-1s")
	if code != 1 || !strings.Contains(err, "the connection was lost: 1006") {
		t.Errorf("%d %s", code, err)
	}
	// What cannot be text is not sent, and the connection goes on.
	got := make(chan string, 1)
	address = echoServer(t, func(c *websocket.Conn, r *http.Request) {
		_, data, _ := c.Read(r.Context())
		got <- string(data)
		_ = c.Close(4000, "done")
	})
	code, _, err = execute(t, "\xff\nnext\n", "connect", address, "--wait=-1s")
	if text := <-got; code != 1 || text != "next" || !strings.Contains(err, "not sent: ") || !strings.Contains(err, `closed by the server: 4000 "done"`) {
		t.Errorf("%d %q %s", code, text, err)
	}
}

func TestConnectReconnect(t *testing.T) {
	var n atomic.Int32
	address := echoServer(t, func(c *websocket.Conn, _ *http.Request) {
		if n.Add(1) == 1 {
			_ = c.Close(websocket.CloseServiceRestart, "")
			return
		}
		_ = c.Close(websocket.CloseNormal, "")
	})
	c := start(t, "connect", address, "--reconnect")
	if code := c.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	c.err.await(t, `(?s)1012 service restart.*connected.*1000 normal closure`)
}

func TestConnectTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			_ = c.Close(websocket.CloseNormal, "")
		}
	}))
	defer s.Close()
	address := "wss" + strings.TrimPrefix(s.URL, "https") + "/"
	if code, _, err := execute(t, "", "connect", address); code != 1 || !strings.Contains(err, "certificate") {
		t.Errorf("%d %s", code, err)
	}
	if code, _, err := execute(t, "", "connect", address, "--insecure-skip-verify", "--wait=-1s"); code != 0 {
		t.Errorf("%d %s", code, err)
	}
}

func TestTrace(t *testing.T) {
	serve(t, &server.Config{})
	c := start(t, "connect", "alice", "--trace", "--header=Cookie: a=secret")
	c.out.await(t, `sys:open`)
	fmt.Fprintln(c.in, `{"type":"ping","ref":1}`)
	c.out.await(t, `"sys:ok"`)
	c.in.Close()
	if code := c.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	text := c.out.String()
	for _, pattern := range []string{
		`^→ GET /ws/alice HTTP/1\.1\n`,
		`\n→ Sec-WebSocket-Key: \S{24}\n`,
		`\n→ Cookie: \(hidden\)\n`,
		`\n→ \n← HTTP/1\.1 101 Switching Protocols\n`,
		`\n← Sec-WebSocket-Accept: \S+\n`,
		`\n← FIN=1 RSV1=0 RSV2=0 RSV3=0 opcode=0x1 \(text\) MASK=0 length=\d+\n←   \{"type":"sys:open",`,
		`\n→ FIN=1 RSV1=0 RSV2=0 RSV3=0 opcode=0x1 \(text\) MASK=1 key=[0-9a-f]{8} length=23\n→   \{"type":"ping","ref":1\}\n`,
		`\n→ FIN=1 RSV1=0 RSV2=0 RSV3=0 opcode=0x8 \(close\) MASK=1 key=[0-9a-f]{8} length=2\n→   code=1000 normal closure\n`,
		`\n← FIN=1 RSV1=0 RSV2=0 RSV3=0 opcode=0x8 \(close\) MASK=0 length=2\n←   code=1000 normal closure\n`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("no %s in\n%s", pattern, text)
		}
	}
}

func TestFormatFrame(t *testing.T) {
	for _, test := range []struct {
		f    websocket.Frame
		want string
	}{
		{websocket.Frame{Opcode: 1, Length: 5, Payload: []byte("a\x1b[\tb")}, "opcode=0x1 (text) MASK=0 length=5\n←   a␛[ b\n"},
		{websocket.Frame{Opcode: 2, Length: 3, Payload: []byte{0, 1, 0xFF}}, "opcode=0x2 (binary) MASK=0 length=3\n←   0001ff\n"},
		{websocket.Frame{Opcode: 0, Length: 3, Payload: []byte("\xa9x\xc3")}, "(continuation) MASK=0 length=3\n←   "},
		{websocket.Frame{Opcode: 9}, "opcode=0x9 (ping) MASK=0 length=0\n"},
		{websocket.Frame{Opcode: 8, Length: 6, Payload: []byte("\x0f\xa1gone")}, "length=6\n←   code=4001 reason=\"gone\"\n"},
		{websocket.Frame{Opcode: 8, Length: 1, Payload: []byte{3}}, "length=1\n←   "},
		{websocket.Frame{Opcode: 1, RSV1: true, Length: 1, Payload: []byte("a")}, "RSV1=1 RSV2=0 RSV3=0 opcode=0x1 (text) MASK=0 length=1\n←   61\n"},
		{websocket.Frame{Opcode: 1, Length: 100_000, Payload: []byte(strings.Repeat("é", 50_000))}, "é … and 98976 bytes more\n"},
		{websocket.Frame{Opcode: 1, Length: 2, Payload: []byte("\xff\xfe")}, "←   fffe\n"},
	} {
		if got := formatFrame(received, &test.f); !strings.Contains(got, test.want) {
			t.Errorf("got %q, want %q in it", got, test.want)
		}
	}
}

func TestHideSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"GET /ws/a?channels=b&token=abc.def HTTP/1.1":                "GET /ws/a?channels=b&token=(hidden) HTTP/1.1",
		"GET /ws/a?token=abc&channels=b HTTP/1.1":                    "GET /ws/a?token=(hidden)&channels=b HTTP/1.1",
		"authorization: Basic abc\r\nHost: x":                        "authorization: (hidden)\r\nHost: x",
		"Sec-WebSocket-Protocol: openline.v1, bearer.ey.ab.c, other": "Sec-WebSocket-Protocol: openline.v1, bearer.(hidden), other",
		"Set-Cookie: a=b": "Set-Cookie: (hidden)",
		"GET /tokens?x=1": "GET /tokens?x=1",
	} {
		if got := hideSecrets(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAddressAndLines(t *testing.T) {
	c := &connectCmd{URL: "alice", Server: "localhost:8080"}
	if a, err := c.address(); err != nil || a != "ws://localhost:8080/ws/alice" {
		t.Errorf("%s, %v", a, err)
	}
	c.Server = "https://line.example/"
	if a, err := c.address(); err != nil || a != "wss://line.example/ws/alice" {
		t.Errorf("%s, %v", a, err)
	}
	lines := readLines(strings.NewReader("a\r\nb\n\nc"), io.Discard)
	var got []string
	for line := range lines {
		got = append(got, line)
	}
	if strings.Join(got, "|") != "a|b||c" {
		t.Errorf("%q", got)
	}
}
