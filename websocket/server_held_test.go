package websocket_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// heldServer starts a server whose handler gets what is no opening request, and
// returns a connection that has asked for /.
func heldServer(t *testing.T, loops bool, handler http.HandlerFunc) (net.Conn, *bufio.Reader) {
	t.Helper()
	_, addr := startServer(t, loops, &websocket.ServerOptions{HTTPServer: &http.Server{Handler: handler, ReadTimeout: guard, WriteTimeout: guard}}, echoes)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(guard))
	if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return nc, bufio.NewReader(nc)
}

// A handler that holds a request moves its deadlines: they are those of the socket,
// wherever the connection has been before.
func TestServerHeldDeadlines(t *testing.T) {
	eachServer(t, func(t *testing.T, loops bool) {
		seen, ended := make(chan struct{}), make(chan struct{})
		_, in := heldServer(t, loops, func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			c := http.NewResponseController(w)
			if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.Flush()); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "begun\n")
			if err := c.Flush(); err != nil {
				t.Error(err)
			}
			<-seen
			if err := r.Context().Err(); err != nil {
				t.Error(err)
			}
			_ = c.SetWriteDeadline(time.Unix(1, 0))
			_, _ = io.WriteString(w, "too late")
			if err := c.Flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("after the deadline: %v", err)
			}
			_ = c.SetReadDeadline(time.Unix(1, 0))
			select {
			case <-r.Context().Done():
			case <-time.After(guard):
				t.Error("the deadline for reading does not reach the socket")
			}
		})
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		if line != "begun\n" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
		close(seen)
		<-ended
	})
}

// A handler that takes the connection of an ordinary request over writes and reads
// what it likes, and hears when the client goes.
func TestServerHeldHijacked(t *testing.T) {
	eachServer(t, func(t *testing.T, loops bool) {
		gone := make(chan error, 1)
		nc, in := heldServer(t, loops, func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Time{})
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbegun\n")
			_, err = c.Read(make([]byte, 1))
			gone <- err
		})
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		if line != "begun\n" || err != nil {
			t.Errorf("%q, %v", line, err)
		}
		_ = nc.Close()
		if err := <-gone; err == nil {
			t.Error("there is something to read of a client that has gone")
		}
	})
}
