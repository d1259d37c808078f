package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain\té\t漢":                 "plain\té\t漢",
		"a\x1b]0;owned\x07b":          `a\u001b]0;owned\u0007b`,
		"two\r\nlines":                `two\r\nlines`,
		"\u009b31m\x7f":               `\u009b31m\u007f`,
		"{\n  \"a\": \"b\\n\"\r\n}":   `{   "a": "b\n"  }`,
		"{\"a\":\"\u0085\"}":          `{"a":"\u0085"}`,
		`{"type":"sys:ok","ref":"x"}`: `{"type":"sys:ok","ref":"x"}`,
	} {
		if got := oneLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What a server sends cannot control the terminal.
func TestConnectEscapes(t *testing.T) {
	address := echoServer(t, func(c *websocket.Conn, r *http.Request) {
		_ = c.Write(r.Context(), websocket.Text, []byte("a\x1b[2Jb\nc"))
		_ = c.Close(websocket.CloseNormal, "")
	})
	code, out, err := execute(t, "", "connect", address, "--wait=-1s")
	if code != 0 || out != `a\u001b[2Jb\nc`+"\n" {
		t.Errorf("%d %q %s", code, out, err)
	}
}

func TestProblemIsEscaped(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"detail":"no\u001b[2J\nopenline: all is well"}`))
	}))
	defer s.Close()
	code, _, err := execute(t, "", "send", "alice", "1", "--server", s.URL, "--api-key", "k")
	if code != 1 || err != "openline: 400 Bad Request: no\\u001b[2J\\nopenline: all is well\n" {
		t.Errorf("%d %q", code, err)
	}
	code, _, err = execute(t, "", "connect", "ws"+strings.TrimPrefix(s.URL, "http")+"/ws/alice")
	if code != 1 || !strings.Contains(err, `no\u001b[2J\nopenline`) {
		t.Errorf("%d %q", code, err)
	}
}

// What cannot be sent is not a success.
func TestNotUTF8(t *testing.T) {
	address := echoServer(t, func(c *websocket.Conn, r *http.Request) {
		_, _, _ = c.Read(r.Context())
		_ = c.CloseNow()
	})
	code, _, err := execute(t, "\xff\n", "connect", address, "--wait=0s")
	if code != 1 || !strings.Contains(err, "not sent: ") {
		t.Errorf("%d %q", code, err)
	}
	code, _, err = execute(t, "", "send", "alice", "a\xff", "--text", "--server", "http://127.0.0.1:1", "--api-key", "k")
	if code != 2 || !strings.Contains(err, `argument 3 is not UTF-8: "a\xff"`) {
		t.Errorf("%d %q", code, err)
	}
	code, _, err = execute(t, "a\xff", "send", "alice", "--text", "--server", "http://127.0.0.1:1", "--api-key", "k")
	if code != 2 || !strings.Contains(err, "not UTF-8 at byte 1") {
		t.Errorf("%d %q", code, err)
	}
}

func TestDash(t *testing.T) {
	code, _, err := execute(t, "", "send", "alice", "-1")
	if code != 2 || !strings.Contains(err, "openline send … -- -1") {
		t.Errorf("%d %q", code, err)
	}
	code, _, err = execute(t, "", "send", "--server", "http://127.0.0.1:1", "--api-key", "k", "alice", "--", "-1")
	if code != 1 || !strings.Contains(err, "nobody listens") {
		t.Errorf("%d %q", code, err)
	}
}

// A fault of the program is not a success.
func TestPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the panic is swallowed")
		}
	}()
	execute(t, "", "version", "--help") // exits, by a panic of its own
	run(t.Context(), []string{"send", "alice", "-"}, streams{panicking{}, newOutput(), newOutput()})
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("a fault") }
