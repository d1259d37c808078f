package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/poll"
)

// asked is a request that the application has taken.
type asked struct {
	path, body string
	answer     func([]byte)
}

// answeringServer takes POST requests, and leaves all others to net/http. The
// test answers them.
func answeringServer(t *testing.T) (s *websocket.Server, addr string, requests chan asked) {
	t.Helper()
	if !poll.Supported {
		t.Skip("there are no loops on this system")
	}
	requests = make(chan asked, 1<<12)
	o := &websocket.ServerOptions{
		HTTPServer: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "net/http: %s %s %q %v", r.Method, r.URL.Path, body, err)
		})},
		Request: func(r *http.Request, body []byte, answer func([]byte)) bool {
			if r.Method != http.MethodPost {
				return false
			}
			requests <- asked{r.URL.Path, string(body), answer}
			return true
		},
	}
	s, addr = startServer(t, true, o, echoes)
	return s, addr, requests
}

// rawClient writes octets and reads responses.
type rawClient struct {
	*net.TCPConn
	t     *testing.T
	lines *bufio.Reader
}

func dialRaw(t *testing.T, addr string) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &rawClient{nc.(*net.TCPConn), t, bufio.NewReader(nc)}
}

func (c *rawClient) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads a response with the status and a body that has the text in it.
func (c *rawClient) expect(status int, text string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.lines, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != status || err != nil || !strings.Contains(string(body), text) {
		c.t.Fatalf("%s %q %v, not %d with %q", res.Status, body, err, status, text)
	}
}

func (c *rawClient) expectEnd() {
	c.t.Helper()
	if b, err := io.ReadAll(c.lines); len(b) > 0 || err != nil {
		c.t.Errorf("%q, %v instead of the end", b, err)
	}
}

func post(path, body string, fields ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), strings.Join(append(fields, ""), "\r\n"), body)
}

func (a asked) ok(text string) {
	a.answer(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text))
}

// TestServerRequests: requests of one connection are answered in order, whoever
// answers them when, and then the connection can become anything else.
func TestServerRequests(t *testing.T) {
	_, addr, requests := answeringServer(t)
	for _, end := range []struct{ name, send string }{
		{"upgrade", upgradeRequest(addr)},
		{"net/http", "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"chunked", "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
		{"close", post("/x", "abc", "Connection: close")},
		{"key", post("/x", "abc", "Sec-WebSocket-Key: x") + post("/not", "a request")},
		{"in pieces", "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na"},
		{"large", "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\na"},
		{"wrong", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3, 4\r\n\r\n"},
	} {
		t.Run(end.name, func(t *testing.T) {
			c := dialRaw(t, addr)
			for i := range 3 {
				c.send(post(fmt.Sprint("/", i), fmt.Sprint("body ", i)))
				q := <-requests
				if q.path != fmt.Sprint("/", i) || q.body != fmt.Sprint("body ", i) {
					t.Errorf("%q %q", q.path, q.body)
				}
				q.ok(q.path)
				q.ok("again, which does not count")
				c.expect(200, q.path)
			}
			c.send(post("/a", "") + post("/b", "b") + post("/c", strings.Repeat("c", 5000)) + end.send)
			for _, path := range []string{"/a", "/b", "/c"} {
				q := <-requests
				if q.path != path || len(requests) > 0 {
					t.Errorf("%q, and %d more", q.path, len(requests))
				}
				q.ok(path)
				c.expect(200, path)
			}
			switch end.name {
			case "upgrade":
				c.expect(101, "")
				c.send("\x81\x82\x00\x00\x00\x00hi")
				if b := make([]byte, 4); true {
					if _, err := io.ReadFull(c.lines, b); err != nil || string(b) != "\x81\x02hi" {
						t.Errorf("%q, %v", b, err)
					}
				}
			case "net/http":
				c.expect(200, `GET /page ""`)
			case "in pieces":
				c.send("bc" + post("/more", "of it"))
				for _, want := range []string{"abc", "of it"} {
					q := <-requests
					if q.body != want {
						t.Errorf("%q, not %q", q.body, want)
					}
					q.ok(want)
					c.expect(200, want)
				}
			case "large":
				c.send(strings.Repeat("b", 99999))
				c.expect(200, `POST /x "abbb`)
				c.send(post("/more", "of it")) // is net/http's, too
				c.expect(200, `POST /more "of it"`)
			case "wrong":
				c.expect(400, "")
				c.expectEnd()
			default:
				c.expect(200, `POST /x "abc"`)
			}
		})
	}
}

// TestServerRequestHalfClosed: a client that has sent all it wants to hears the
// answers to all of it.
func TestServerRequestHalfClosed(t *testing.T) {
	_, addr, requests := answeringServer(t)
	c := dialRaw(t, addr)
	c.send(post("/1", "") + post("/2", ""))
	first := <-requests
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	first.ok("one")
	(<-requests).ok("two")
	c.expect(200, "one")
	c.expect(200, "two")
	c.expectEnd()
}

// TestServerRequestsAhead: what a client sends ahead of its answers is bounded, and
// none of it is lost.
func TestServerRequestsAhead(t *testing.T) {
	_, addr, requests := answeringServer(t)
	c := dialRaw(t, addr)
	const n = 3000
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		body := strings.Repeat("x", 2000)
		for i := range n {
			if _, err := io.WriteString(c, post(fmt.Sprint("/", i), body)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range n {
		q := <-requests
		if q.path != fmt.Sprint("/", i) || len(q.body) != 2000 {
			t.Fatalf("%s with %d octets", q.path, len(q.body))
		}
		q.ok(q.path)
		c.expect(200, q.path)
	}
}

// TestServerRequestGone: an answer for a client that is gone goes nowhere, and a
// long one arrives whole.
func TestServerRequestGone(t *testing.T) {
	_, addr, requests := answeringServer(t)
	c := dialRaw(t, addr)
	c.send(post("/", ""))
	q := <-requests
	_ = c.SetLinger(0)
	_ = c.Close()
	q.ok("nobody")
	c = dialRaw(t, addr)
	c.send(post("/", ""))
	long := bytes.Repeat([]byte("0123456789"), 1<<20)
	(<-requests).answer(append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(long)), long...))
	c.expect(200, string(long))
	c.send(post("/", ""))
	(<-requests).ok("and more")
	c.expect(200, "and more")
}

// TestServerRequestAtShutdown: what has been taken is answered before the loop
// ends.
func TestServerRequestAtShutdown(t *testing.T) {
	s, addr, requests := answeringServer(t)
	idle, busy := dialRaw(t, addr), dialRaw(t, addr)
	idle.send(post("/", ""))
	(<-requests).ok("")
	idle.expect(200, "")
	busy.send(post("/", ""))
	q := <-requests
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	idle.expectEnd()
	q.ok("the last")
	busy.expect(200, "the last")
	busy.expectEnd()
	_ = busy.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
