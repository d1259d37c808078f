package echo_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/conformance/echo"
	"github.com/openline/openline/websocket/wstest"
)

// client starts a client for a listener and returns what it returned, later.
func client(t *testing.T, l *wstest.Listener, query string, o *echo.ClientOptions) <-chan error {
	done := make(chan error, 1)
	go func() { done <- echo.Client(t.Context(), l.URL()+"echo?"+query, o) }()
	return done
}

func TestClient(t *testing.T) {
	for _, driver := range echo.Drivers() {
		l := wstest.Listen(t)
		done := client(t, l, "subprotocols=a,b&header=X-A:b", &echo.ClientOptions{Driver: driver})
		p := l.Accept("Sec-WebSocket-Protocol: b")
		if p.Header.Get("X-A") != "b" || p.Header.Get("Sec-WebSocket-Protocol") != "a, b" || p.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Errorf("%v", p.Header)
		}
		p.SendMessage(websocket.Text, []byte("hi"))
		p.ExpectText("hi")
		p.SendClose(websocket.CloseNormal, "")
		p.ExpectClose(websocket.CloseNormal)
		select {
		case err := <-done:
			t.Errorf("it has ended before TCP was closed: %v", err)
		default:
		}
		p.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Both ends of this package with each other, over TLS, and compressed.
func TestClientServer(t *testing.T) {
	s, err := echo.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(s)
	offers := make(chan string, 1)
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offers <- r.Header.Get("Sec-WebSocket-Extensions")
		s.ServeHTTP(w, r)
	})
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "ws" + strings.TrimPrefix(srv.URL, "http") + "/echo?do=close&code=4000"
	if err := echo.Client(t.Context(), url, &echo.ClientOptions{CAFile: file, Offer: "permessage-deflate"}); err != nil {
		t.Error(err)
	}
	if got := <-offers; got != "permessage-deflate" {
		t.Errorf("offered %q", got)
	}
	for says, o := range map[string]*echo.ClientOptions{
		"certificate":          nil,
		"no such file":         {CAFile: file + "x"},
		"holds no certificate": {CAFile: os.DevNull},
		"no driver":            {Driver: "x"},
		"the offer \"x\"":      {Offer: "x"},
	} {
		if err := echo.Client(t.Context(), url, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// With seen=1 the client tells at the same host and port what it saw.
func TestClientTells(t *testing.T) {
	told := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = c.Write(r.Context(), websocket.Text, []byte("one"))
		_, _, _ = c.Read(r.Context())
		_ = c.Close(4002, "that's it & more")
	})
	mux.HandleFunc("/seen", func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.RawQuery })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	if err := echo.Client(t.Context(), srv.URL+"/echo?seen=1", nil); err != nil {
		t.Error(err)
	}
	if got := <-told; got != "code=4002&messages=1&reason=that%27s+it+%26+more" {
		t.Error(got)
	}
}

func TestClientRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	url := "ws://" + l.Addr().String() + "/echo"
	for rest, says := range map[string]string{
		"":                                   "refused",
		"#a":                                 "fragment",
		"?limit=x":                           "echo: the setting limit",
		"?text=%zz":                          "invalid URL escape",
		"?deflate=permessage-deflate;x":      "echo: the parameter",
		"?do=panic":                          "do=panic is for servers",
		"?subprotocols=a,a":                  "offered twice",
		"?proxy=http://" + l.Addr().String(): "proxy",
	} {
		if err := echo.Client(t.Context(), url+rest, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", rest, err)
		}
	}
}

// The end of the context is the end of the client.
func TestClientCancelled(t *testing.T) {
	l := wstest.Listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- echo.Client(ctx, l.URL(), nil) }()
	p := l.Accept()
	p.SendMessage(websocket.Text, []byte("hi"))
	p.ExpectText("hi")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.ExpectGone()
}

func TestOffer(t *testing.T) {
	for offer, want := range map[string]*websocket.Compression{
		"":                   nil,
		"off":                nil,
		"permessage-deflate": {WindowBits: -1, PeerWindowBits: -1, Threshold: -1},
		"permessage-deflate; client_max_window_bits":         {WindowBits: 15, PeerWindowBits: -1, Threshold: -1},
		"permessage-deflate;client_max_window_bits=9":        {WindowBits: 9, PeerWindowBits: -1, Threshold: -1},
		"permessage-deflate; server_max_window_bits = \"8\"": {WindowBits: -1, PeerWindowBits: 8, Threshold: -1},
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover": {
			WindowBits: -1, PeerWindowBits: -1, Threshold: -1, NoContextTakeover: true, PeerNoContextTakeover: true,
		},
	} {
		got, err := echo.Compression(offer)
		if err != nil || (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%q: %+v, %v", offer, got, err)
		}
	}
	for _, offer := range []string{
		"x", "permessage-deflate, permessage-deflate", "permessage-deflate; x", "permessage-deflate; server_max_window_bits",
		"permessage-deflate; client_max_window_bits=16", "permessage-deflate; server_max_window_bits=7",
	} {
		if got, err := echo.Compression(offer); err == nil {
			t.Errorf("%q: %+v", offer, got)
		}
	}
}
