package websocket_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/openline/openline/websocket"
)

// muteConn cannot be written to.
type muteConn struct{ net.Conn }

func (muteConn) Write([]byte) (int, error) { return 0, net.ErrClosed }

// hijackable is a ResponseWriter that gives a connection away.
type hijackable struct {
	*httptest.ResponseRecorder
	nc net.Conn
}

func (w *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.nc, bufio.NewReadWriter(bufio.NewReader(w.nc), bufio.NewWriter(w.nc)), nil
}

// TestServerFailed: a handler is told of the end of its connection even if that has
// failed before it began, and the limits count it no more.
func TestServerFailed(t *testing.T) {
	limiter := &websocket.Limiter{Connections: 1}
	told := make(chan string, 2)
	field := ""
	closed, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	o := &websocket.ServerOptions{AcceptOptions: websocket.AcceptOptions{Limiter: limiter}, Loops: []*websocket.Loop{closed}}
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := websocket.NewServer(func(w http.ResponseWriter, _ *http.Request) websocket.EventHandler {
		if field != "" {
			w.Header().Set(field, "x")
		}
		return loopFuncs{
			open:  func(*websocket.LoopConn) { told <- "open" },
			close: func(*websocket.LoopConn, *websocket.CloseError) { told <- "close" },
		}
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string) {
		t.Helper()
		if first, second := <-told, <-told; first != "open" || second != "close" || limiter.Open() != 0 || s.Len() != 0 {
			t.Errorf("%s: %s, %s, %d counted, %d on the loop", what, first, second, limiter.Open(), s.Len())
		}
	}
	hijacked := func(wrap func(net.Conn) net.Conn) {
		ours, theirs := net.Pipe()
		go func() { _, _ = theirs.Read(make([]byte, 1<<10)) }()
		defer theirs.Close()
		s.ServeHTTP(&hijackable{httptest.NewRecorder(), wrap(ours)}, openingRequest())
	}
	s.ServeHTTP(httptest.NewRecorder(), openingRequest())
	expect("no hijacking")
	field = "Not a name"
	s.ServeHTTP(httptest.NewRecorder(), openingRequest())
	expect("no response")
	field = ""
	hijacked(func(nc net.Conn) net.Conn { return muteConn{nc} })
	expect("no writing")
	if err := closed.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	hijacked(func(nc net.Conn) net.Conn { return nc })
	expect("no loop")
}
