package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes: what one end writes waits
// until the other reads it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if nc, ok := <-p; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// stalling runs f with the client's end of a connection, where time passes as
// soon as everybody waits.
func stalling(t *testing.T, f func(t *testing.T, c net.Conn)) {
	t.Helper()
	s, err := New(&Config{Listen: "127.0.0.1:0", APIKeys: []string{testKey}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	synctest.Test(t, func(t *testing.T) {
		l := make(pipes)
		served := make(chan error, 1)
		go func() { served <- s.serve(l) }()
		client, end := net.Pipe()
		l <- end
		defer func() {
			client.Close()
			close(l)
			s.http.Close()
			<-served
		}()
		f(t, client)
	})
}

// head is a request's, with a key.
func head(call string, fields ...string) string {
	return call + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + testKey + "\r\n" + strings.Join(append(fields, "\r\n"), "\r\n")
}

// wants checks that it took as long as it should.
func wants(t *testing.T, since time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(since); took != want {
		t.Errorf("after %v, want %v", took, want)
	}
}

// A client that does not read its answer is cut off when the time is over,
// whether it asks the API or for the page.
func TestStalledReader(t *testing.T) {
	for _, request := range []string{
		head("GET /healthz"),
		head("GET /api/openapi.json"),
		head("GET /api/nothing"),
		head("POST /api/broadcast", "Content-Length: 1") + "1",
		head("POST /api/batch", "Content-Length: 12") + `{"all":true}`,
		head("GET /"),
	} {
		stalling(t, func(t *testing.T, c net.Conn) {
			begin := time.Now()
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			time.Sleep(stallTimeout + time.Second) // of the bubble's clock
			if b, err := io.ReadAll(c); len(b) > 0 || err != nil {
				t.Errorf("%q and %v", b, err)
			}
			wants(t, begin, stallTimeout+time.Second)
		})
	}
}

// A client that stops in the middle of a body is told so when the time is
// over; where the body does not matter, it is cut off then all the same.
func TestStalledBody(t *testing.T) {
	for request, want := range map[string]string{
		head("POST /api/broadcast", "Content-Length: 9"):                "HTTP/1.1 408 ",
		head("POST /api/broadcast", "Content-Length: 9") + "1":          "HTTP/1.1 408 ",
		head("POST /api/broadcast", "Transfer-Encoding: chunked"):       "HTTP/1.1 408 ",
		head("POST /api/batch", "Content-Length: 9") + "\n":             "HTTP/1.1 200 ",
		head("POST /api/broadcast?wait=delivered", "Content-Length: 9"): "HTTP/1.1 408 ",
		head("POST /api/users/@*/messages", "Content-Length: 9"):        "",
		head("POST /api/nothing", "Content-Length: 9"):                  "",
		head("GET /healthz", "Content-Length: 9"):                       "",
		head("GET /", "Content-Length: 9"):                              "",
	} {
		stalling(t, func(t *testing.T, c net.Conn) {
			begin := time.Now()
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(c)
			if !strings.HasPrefix(string(b), want) || err != nil {
				t.Errorf("%q: %q and %v", request, b, err)
			}
			wants(t, begin, stallTimeout)
		})
	}
}

// A body may take as long as it likes, if only it goes on, and so may the
// requests of one connection.
func TestSlowBody(t *testing.T) {
	stalling(t, func(t *testing.T, c net.Conn) {
		in := bufio.NewReader(c)
		for _, call := range []string{"POST /api/broadcast", "POST /api/batch", "POST /api/broadcast"} {
			body := `{"all":true}`
			if _, err := io.WriteString(c, head(call, fmt.Sprintf("Content-Length: %d", len(body)))); err != nil {
				t.Fatal(err)
			}
			for i := range len(body) {
				time.Sleep(stallTimeout - time.Second) // of the bubble's clock
				if _, err := io.WriteString(c, body[i:i+1]); err != nil {
					t.Fatalf("%s: byte %d: %v", call, i, err)
				}
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: %v", call, err)
			}
			if text, err := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.Contains(string(text), `"delivered":0`) || err != nil {
				t.Errorf("%s: %d %s, %v", call, res.StatusCode, text, err)
			}
		}
	})
}
