package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// junk is what a peer goes on sending after what was refused.
var junk = bytes.Repeat([]byte("junk "), 1<<20/5)

func testStagedClose(t *testing.T, s *testServer) {
	for _, in := range []string{
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		strings.Replace(baseRequest, "Version: 13", "Version: 12", 1),
		"POST /post HTTP/1.1\r\nHost: ws.test:9001\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		"GET /health HTTP/1.1\r\nHost: ws.test:9001\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.0\r\n\r\n",
		"GET /bye HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n", // it is the handler that says close
	} {
		nc := s.dial(t)
		// Only after all is written does the client read; its own side stays open.
		for _, b := range [][]byte{[]byte(in), junk} {
			if _, err := nc.Write(b); err != nil {
				t.Fatalf("%q: %v", in, err)
			}
		}
		out, err := io.ReadAll(nc)
		if list, _ := answers(t, out); err != nil || len(list) != 1 || !list[0].Close {
			t.Errorf("%q: %v, %q", in, err, out)
		}
	}
}

func testUnreadBody(t *testing.T, s *testServer) {
	const post = "POST /ignore HTTP/1.1\r\nHost: ws.test:9001\r\n"
	for _, in := range []string{
		post + "Content-Length: 1000000\r\n\r\n",
		post + "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n100000\r\n",
	} {
		nc := s.dial(t)
		io.WriteString(nc, in)
		// The body, which contains a request, comes all the same.
		body := append(bytes.Repeat([]byte(adminRequest), 10), junk...)
		if _, err := nc.Write(body[:1000000]); err != nil {
			t.Fatal(err)
		}
		nc.CloseWrite()
		out, err := io.ReadAll(nc)
		if err != nil || !bytes.Contains(out, []byte("ignored\n")) || s.admin.Load() > 0 {
			t.Errorf("%q: %v, %q, /admin ran %d times", in, err, out, s.admin.Load())
		}
	}
}

// pipeListener hands out one end of each net.Pipe that dial makes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	a, b := net.Pipe()
	l.conns <- b
	return a
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// dribble sends in, one octet a second from start on, until all is sent or the server answers or closes. It returns the
// answer and how many seconds after start it was complete.
func dribble(t *testing.T, nc net.Conn, in string) (out string, seconds int) {
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range len(in) {
			if _, err := nc.Write([]byte(in[i : i+1])); err != nil {
				return
			}
			<-time.After(time.Second) // the bubble's clock
		}
	}()
	b, _ := io.ReadAll(nc)
	seconds = int(time.Since(start) / time.Second)
	nc.Close()
	<-done
	return string(b), seconds
}

func testHeaderTimeout(t *testing.T, _ *testServer) {
	// A listener of pipes, so that the clock can be the bubble's.
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := &testServer{}
		s.start(t, l, nil)
		slow := func(what string, nc net.Conn, in, status string, after int) {
			t.Helper()
			out, seconds := dribble(t, nc, in)
			if !strings.HasPrefix(out, status) || status == "" && out != "" || seconds != after {
				t.Errorf("%s: after %d s %q; want %q after %d s", what, seconds, out, status, after)
			}
		}
		const timeout = "HTTP/1.1 408 "
		slow("an octet a second", l.dial(), baseRequest, timeout, 10)
		slow("nothing", l.dial(), "", "", 10)
		slow("empty lines", l.dial(), "\r\n\r\n", timeout, 10)

		nc := l.dial()
		io.WriteString(nc, strings.TrimSuffix(baseRequest, "\n"))
		slow("all but the last LF", nc, "", timeout, 10)

		// The limit is not the server's IdleTimeout, which ends with the first octet of a request.
		const health = "GET /health HTTP/1.1\r\nHost: ws.test\r\n\r\n"
		second := func() net.Conn {
			nc := l.dial()
			io.WriteString(nc, health)
			resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			synctest.Wait()
			return nc
		}
		slow("nothing more", second(), "", "", 12)
		slow("a second request", second(), health, timeout, 10)
		nc = second()
		<-time.After(11 * time.Second)
		slow("a second request after a pause", nc, health, timeout, 10)
		nc = second()
		<-time.After(11 * time.Second)
		io.WriteString(nc, "GET /hea")
		<-time.After(9 * time.Second)
		go io.WriteString(nc, "lth HTTP/1.1\r\nHost: ws.test\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || resp.StatusCode != 200 {
			t.Errorf("a second request within its time: %v, %v", resp, err)
		}
		nc.Close()
		s.srv.Close()
	})
}

// halfPipe is a pipe's end that can, as far as its user knows, close one direction.
type halfPipe struct {
	net.Conn
	shut chan time.Time
}

func (p *halfPipe) CloseWrite() error {
	p.shut <- time.Now()
	return nil
}

func (l *pipeListener) dialHalf() (net.Conn, chan time.Time) {
	a, b := net.Pipe()
	p := &halfPipe{b, make(chan time.Time, 1)}
	l.conns <- p
	return a, p.shut
}

// A peer that does not close is let go after 2 seconds, or 4 MiB; and (*http.Server).Close does not wait for it.
func TestLingerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := &testServer{}
		s.start(t, l, nil)
		refusedConn := func() (net.Conn, time.Time) {
			nc, shut := l.dialHalf()
			io.WriteString(nc, "GET / HTTP/1.1\r\n\r\n")
			if resp, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || resp.StatusCode != 400 {
				t.Fatal(resp, err)
			}
			return nc, <-shut
		}

		nc, start := refusedConn()
		nc.Write(junk[:1000]) // is still taken
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(start) != lingerTime {
			t.Errorf("a silent peer: %v after %v", err, time.Since(start))
		}

		nc, start = refusedConn()
		sent := 0
		for {
			n, err := nc.Write(junk)
			sent += n
			if err != nil {
				break
			}
		}
		if sent < lingerBytes || sent > lingerBytes+pooledBuffer || time.Since(start) != 0 {
			t.Errorf("a peer that goes on sending: closed after %d octets, %v", sent, time.Since(start))
		}

		nc, start = refusedConn()
		s.srv.Close()
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(start) != 0 {
			t.Errorf("a server that closes: %v after %v", err, time.Since(start))
		}
	})
}
