package websocket_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/poll"
)

// longAnswer is more than a socket takes of a peer that does not read.
var longAnswer = bytes.Repeat([]byte("0123456789"), 1<<20)

// TestServerRequestWaits: the request behind one whose answer the peer has not read
// waits, whoever is to deal with it, and both are answered whole and in order.
func TestServerRequestWaits(t *testing.T) {
	_, addr, requests := answeringServer(t)
	compressed := upgradeRequest(addr, "Sec-WebSocket-Extensions: permessage-deflate")
	for _, next := range []struct {
		name, send string
		status     int
		text       string
	}{
		{"net/http", "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "net/http: GET /page"},
		{"upgrade", upgradeRequest(addr), 101, ""},
		{"compressed", compressed, 101, ""},
		{"malformed", "BAD\r\n\r\n", 400, ""},
		{"request", post("/next", ""), 200, "the next"},
	} {
		t.Run(next.name, func(t *testing.T) {
			c := dialRaw(t, addr)
			c.send(post("/", "") + next.send)
			(<-requests).answer(append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(longAnswer)), longAnswer...))
			// The loop has dealt with the answer when it has got as far as this.
			other := dialRaw(t, addr)
			other.send(post("/other", ""))
			if q := <-requests; q.path != "/other" {
				t.Fatalf("%s has not waited", q.path)
			} else {
				q.ok("")
			}
			other.expect(200, "")
			c.expect(200, string(longAnswer))
			if next.name == "request" {
				(<-requests).ok(next.text)
			}
			c.expect(next.status, next.text)
		})
	}
}

// TestServerRequestReset: a peer that is gone is noticed, even when nothing more of
// what it sends is read.
func TestServerRequestReset(t *testing.T) {
	if !poll.Supported {
		t.Skip("there are no loops on this system")
	}
	taken, left := make(chan struct{}, 1), make(chan struct{})
	o := &websocket.ServerOptions{
		HTTPServer: &http.Server{},
		Request: func(*http.Request, []byte, func([]byte)) bool {
			taken <- struct{}{}
			return true // and it is never answered
		},
		Admit: func(netip.AddrPort) (func(), bool) { return func() { close(left) }, true },
	}
	_, addr := startServer(t, true, o, echoes)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write([]byte(post("/", "") + strings.Repeat(post("/", strings.Repeat("x", 1000)), 1000))); err != nil {
		t.Fatal(err)
	}
	<-taken
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.Close()
	<-left
}
