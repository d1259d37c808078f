package websocket_test

import (
	"net/http"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/poll"
)

// heldRequest is a GET that the application has taken, and a channel that is closed when
// its answer is waited for no more.
type heldRequest struct {
	asked
	hurried chan struct{}
}

// An answer may be held back, until the peer is gone, sends no more, or sends another
// request: then the application hears of it, once.
func TestServerHold(t *testing.T) {
	if !poll.Supported {
		t.Skip("there are no loops on this system")
	}
	requests := make(chan heldRequest, 8)
	_, addr := startServer(t, true, &websocket.ServerOptions{
		HTTPServer: &http.Server{Handler: http.NotFoundHandler()},
		Hold: func(r *http.Request, answer func([]byte)) (bool, func()) {
			h := heldRequest{asked{path: r.URL.Path, answer: answer}, make(chan struct{})}
			requests <- h
			return true, func() { close(h.hurried) }
		},
		Request: func(r *http.Request, _ []byte, answer func([]byte)) bool {
			asked{path: r.URL.Path, answer: answer}.ok("request")
			return true
		},
	}, echoes)
	const get = "GET /held HTTP/1.1\r\nHost: a\r\n\r\n"

	c := dialRaw(t, addr)
	c.send(get)
	h := <-requests
	c.send("GET /ne")
	<-h.hurried
	h.ok("first")
	c.expect(200, "first")
	c.send("xt HTTP/1.1\r\nHost: a\r\n\r\n" + post("/x", "1"))
	h = <-requests
	<-h.hurried // what comes with it hurries it, too
	h.ok(h.path)
	c.expect(200, "/next")
	c.expect(200, "request")

	c.send(get)
	h = <-requests
	_ = c.CloseWrite()
	<-h.hurried
	h.ok("half closed")
	c.expect(200, "half closed")
	c.expectEnd()

	for _, linger := range []int{-1, 0} { // an end in order, and a reset
		c = dialRaw(t, addr)
		c.send(get)
		h = <-requests
		_ = c.SetLinger(linger)
		_ = c.Close()
		<-h.hurried
		h.ok("nobody")
	}

	c = dialRaw(t, addr)
	c.send(get)
	h = <-requests
	h.ok("in time")
	c.expect(200, "in time")
	_ = c.Close()
	select {
	case <-h.hurried:
		t.Error("it has been answered")
	default:
	}
}
