package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// holding runs f with a client of a server whose requests the handler answers, over
// HTTP/1.1 and over HTTP/2, where time passes as soon as everybody waits.
func holding(t *testing.T, handler http.HandlerFunc, f func(t *testing.T, c *http.Client)) {
	t.Helper()
	cert, key, pool := certificate(t)
	for _, secure := range []bool{false, true} {
		s, err := New(&Config{Listen: "127.0.0.1:0", APIKeys: []string{testKey}, TLS: TLSConfig{Cert: cert, Key: key}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.http.Handler = handler
		settings, err := s.config.tlsConfig()
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			conns := make(pipes)
			var l net.Listener = conns
			if secure {
				l = tls.NewListener(l, settings)
			}
			served := make(chan error, 1)
			go func() { served <- s.serve(l) }()
			transport := &http.Transport{
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					client, end := net.Pipe()
					conns <- end
					return client, nil
				},
				TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"},
				ForceAttemptHTTP2: true,
			}
			scheme := "http"
			if secure {
				scheme = "https"
			}
			f(t, &http.Client{Transport: rewriting{transport, scheme, secure}})
			transport.CloseIdleConnections()
			close(conns)
			s.http.Close()
			<-served
			synctest.Wait()
		})
	}
}

// rewriting gives requests their scheme, and looks at what answers them.
type rewriting struct {
	http.RoundTripper
	scheme string
	two    bool
}

func (r rewriting) RoundTrip(q *http.Request) (*http.Response, error) {
	q.URL.Scheme = r.scheme
	res, err := r.RoundTripper.RoundTrip(q)
	if err == nil && (res.ProtoMajor == 2) != r.two {
		_ = res.Body.Close()
		return nil, fmt.Errorf("the answer came over %s", res.Proto)
	}
	return res, err
}

// fetch returns an answer's body, as far as it came.
func fetch(ctx context.Context, c *http.Client, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return "", err
	}
	res, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// wait returns after d, or false if the request has ended before.
func wait(r *http.Request, d time.Duration) bool {
	select {
	case <-r.Context().Done():
		return false
	case <-time.After(d):
		return true
	}
}

// A handler that moves its deadlines may hold a request for as long as it likes; the
// time-outs of the server are for the others.
func TestHeldRequests(t *testing.T) {
	const long = 20 * stallTimeout
	var ended time.Duration // after which the client was missed
	handler := func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		c := http.NewResponseController(w)
		switch r.URL.Path {
		case "/stream": // something now and then
			_ = c.SetReadDeadline(time.Time{})
			for i := range int(long / (stallTimeout / 2)) {
				if !wait(r, stallTimeout/2) {
					t.Errorf("cut off after %v", time.Since(begin))
					return
				}
				_ = c.SetWriteDeadline(time.Now().Add(stallTimeout))
				_, _ = fmt.Fprint(w, i, " ")
				if err := c.Flush(); err != nil {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
			}
		case "/silent": // nothing for very long
			_ = c.SetReadDeadline(time.Time{})
			_ = c.SetWriteDeadline(time.Time{})
			_ = c.Flush()
			if !wait(r, long) {
				t.Errorf("cut off after %v", time.Since(begin))
			}
			_, _ = io.WriteString(w, "at last")
		case "/still": // until the client goes
			_ = c.SetReadDeadline(time.Time{})
			_ = c.SetWriteDeadline(time.Time{})
			wait(r, 2*long)
			ended = time.Since(begin)
		case "/ordinary":
			wait(r, stallTimeout+time.Second)
			_, _ = io.WriteString(w, "too late")
		default:
			_, _ = io.WriteString(w, "at once")
		}
	}
	holding(t, handler, func(t *testing.T, c *http.Client) {
		if body, err := fetch(t.Context(), c, "/stream"); !strings.HasSuffix(body, " 39 ") || err != nil {
			t.Errorf("/stream: %q, %v", body, err)
		}
		if body, err := fetch(t.Context(), c, "/silent"); body != "at last" || err != nil {
			t.Errorf("/silent: %q, %v", body, err)
		}
		if body, err := fetch(t.Context(), c, "/"); body != "at once" || err != nil {
			t.Errorf("/: %q, %v", body, err)
		}
		gone, cancel := context.WithTimeout(t.Context(), long)
		defer cancel()
		if body, err := fetch(gone, c, "/still"); err == nil {
			t.Errorf("/still: %q", body)
		}
		if synctest.Wait(); ended != long {
			t.Errorf("a client that went after %v was missed after %v", long, ended)
		}
		if body, err := fetch(t.Context(), c, "/ordinary"); err == nil {
			t.Errorf("/ordinary: %q", body)
		}
	})
}

// What a client sends ahead of the answer that it waits for does not cut that off,
// even if it is half a request, for which the time is soon over.
func TestHeldRequestAndNext(t *testing.T) {
	s, err := New(&Config{Listen: "127.0.0.1:0", APIKeys: []string{testKey}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Time{})
		_ = c.SetWriteDeadline(time.Time{})
		if !wait(r, 2*stallTimeout) {
			t.Error("cut off")
		}
		_, _ = io.WriteString(w, "held")
	})
	synctest.Test(t, func(t *testing.T) {
		l := make(pipes)
		served := make(chan error, 1)
		go func() { served <- s.serve(l) }()
		client, end := net.Pipe()
		l <- end
		begin := time.Now()
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT"); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(client)
		for _, want := range []string{"200 held", "408 "} {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if got := fmt.Sprint(res.StatusCode, " ", string(body)); !strings.HasPrefix(got, want) || err != nil {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
			wants(t, begin, 2*stallTimeout)
		}
		client.Close()
		close(l)
		s.http.Close()
		<-served
	})
}
