package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A call that waits is answered when a session has acknowledged, or when the time is over, and says which.
func TestWaitForAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s, l := r.open("alice", "a")
		for _, path := range []string{"/api/users/alice/messages", "/api/channels/a/messages", "/api/broadcast"} {
			start := time.Now()
			want(t, r.call("POST", path+"?wait=delivered&key=once", "1"), 200, `"acknowledged":false`)
			if took := time.Since(start); took != defaultWait {
				t.Errorf("%s: %v", path, took)
			}
			start = time.Now()
			want(t, r.call("POST", path+"?wait=delivered&timeout=60s", "1"), 200, `"acknowledged":false`)
			if took := time.Since(start); took != maxWait {
				t.Errorf("%s: %v", path, took)
			}
			synctest.Wait()
			for len(l.arrive) > 0 {
				<-l.arrive
			}
			answered := make(chan string)
			go func() { answered <- r.call("POST", path+"?wait=delivered&timeout=2s", "1").Body.String() }()
			<-l.arrive
			synctest.Wait()
			time.Sleep(time.Second)
			l.mu.Lock()
			id := l.ids[len(l.ids)-1]
			l.mu.Unlock()
			if err := s.Ack(id); err != nil {
				t.Fatal(err)
			}
			if text := <-answered; !strings.Contains(text, `"acknowledged":true`) || !strings.Contains(text, id) {
				t.Errorf("%s: %s", path, text)
			}
			// The key's first message has been acknowledged with it.
			want(t, r.call("POST", path+"?wait=delivered&key=once", "1"), 200, `"duplicate":true,"acknowledged":`)
		}
		if w := r.call("POST", "/api/broadcast", "1"); strings.Contains(w.Body.String(), "acknowledged") {
			t.Errorf("%s", w.Body)
		}
	})
}

func TestBatchDoesNotWait(t *testing.T) {
	r := newRig(t, nil)
	w := r.call("POST", "/api/batch", `{"all":true,"wait":"delivered"}`+"\n"+`{"timeout":"2s","all":true}`)
	if n := strings.Count(w.Body.String(), "A batch waits for no acknowledgement"); n != 2 {
		t.Errorf("%s", w.Body)
	}
}

// pipe is a listener with one connection.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	if nc, ok := <-p; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error   { return nil }
func (p pipe) Addr() net.Addr { return &net.TCPAddr{} }

// A server's time-outs are shorter than what a call waits for, and cut off neither it nor the next call of its connection.
func TestWaitIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		srv := &http.Server{Handler: r.api, ReadTimeout: defaultStallTimeout, WriteTimeout: defaultStallTimeout, IdleTimeout: time.Second}
		l := make(pipe, 1)
		client, end := net.Pipe()
		l <- end
		served := make(chan error)
		go func() { served <- srv.Serve(l) }()
		in := bufio.NewReader(client)
		for range 2 {
			begin := time.Now()
			if _, err := io.WriteString(client, "POST /api/broadcast?wait=delivered&timeout=55s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+testKey+"\r\nContent-Length: 1\r\n\r\n1"); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(res.Body); !strings.Contains(string(text), `"acknowledged":false`) || err != nil {
				t.Errorf("%s, %v", text, err)
			}
			if took := time.Since(begin); took != 55*time.Second {
				t.Errorf("after %v", took)
			}
		}
		client.Close()
		close(l)
		srv.Close()
		<-served
	})
}

// Who waits while the hub ends is answered.
func TestWaitEndsWithTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		begin := time.Now()
		answered := make(chan string)
		go func() { answered <- r.call("POST", "/api/broadcast?wait=delivered", "1").Body.String() }()
		synctest.Wait()
		if err := r.hub.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if text := <-answered; !strings.Contains(text, `"acknowledged":false`) || time.Since(begin) > 0 {
			t.Errorf("%s after %v", text, time.Since(begin))
		}
	})
}
