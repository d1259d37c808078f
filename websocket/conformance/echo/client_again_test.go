package echo_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/conformance/echo"
	"github.com/openline/openline/websocket/wstest"
)

func TestClientRedirects(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/a", http.RedirectHandler("/b", http.StatusFound))
	mux.HandleFunc("/b", func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			_ = c.Close(websocket.CloseNormal, "")
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	if err := echo.Client(t.Context(), srv.URL+"/a?redirects=1", nil); err != nil {
		t.Error(err)
	}
	if err := echo.Client(t.Context(), srv.URL+"/a", nil); err == nil || !strings.Contains(err.Error(), "302") {
		t.Error(err)
	}
}

// A client that was refused tells what it knows of that.
func TestClientTellsRefusal(t *testing.T) {
	told := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Why", "because of it")
		w.Header().Set("Sec-WebSocket-Version", "8, 7")
		http.Error(w, strings.Repeat("x", 2000), http.StatusUpgradeRequired)
	})
	mux.HandleFunc("/seen", func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.RawQuery })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	if err := echo.Client(t.Context(), srv.URL+"/echo?seen=1", nil); err == nil || !strings.Contains(err.Error(), "426") {
		t.Error(err)
	}
	if got := <-told; got != "status=426&versions=8,7&why=because+of+it&body=1024" {
		t.Error(got)
	}
}

// After an abnormal end the client comes back, after a normal one it does not.
func TestClientReconnects(t *testing.T) {
	l := wstest.Listen(t)
	done := client(t, l, "reconnect=5&first=1ms&most=2ms", nil)
	for range 2 {
		l.Accept().Reset()
	}
	p := l.Accept()
	p.SendClose(websocket.CloseNormal, "")
	p.ExpectClose(websocket.CloseNormal)
	p.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	done = client(t, l, "reconnect=1&first=1ms&most=2ms", nil)
	for range 2 {
		l.Accept().Reset()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Connections that are asked for at once are opened one after the other.
func TestClientParallel(t *testing.T) {
	var opening, connections atomic.Int32
	var all sync.WaitGroup
	all.Add(5)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opening.Add(1) > 1 {
			t.Error("two at once")
		}
		opening.Add(-1)
		if c, err := websocket.Accept(w, r, nil); err == nil {
			connections.Add(1)
			all.Done()
			all.Wait() // they stay open beside each other
			_ = c.Close(websocket.CloseNormal, "")
		}
	}))
	defer srv.Close()
	if err := echo.Client(t.Context(), srv.URL+"/?parallel=5", nil); err != nil || connections.Load() != 5 {
		t.Errorf("%v, %d connections", err, connections.Load())
	}
}
