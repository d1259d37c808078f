package websocket_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// No deadline of the handshake is left on the connection, neither the guard's,
// nor those of net/http, nor our own.
func TestAcceptLeavesNoDeadline(t *testing.T) {
	for _, plain := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipeListener()
			accept := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{PingInterval: -1}}
			newStack(t, stackOptions{listen: l, plain: plain, accept: accept, timeouts: 5 * time.Second})
			nc := l.dial()
			defer nc.Close()
			br := bufio.NewReader(nc)
			if _, err := io.WriteString(nc, baseRequest); err != nil {
				t.Fatal(err)
			}
			if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
				t.Fatal(resp, err)
			}
			for range 3 {
				<-time.After(time.Hour)
				go io.WriteString(nc, sayHi)
				got := make([]byte, len(echoHi))
				if _, err := io.ReadFull(br, got); err != nil || string(got) != echoHi {
					t.Fatalf("guard %v: %q, %v", !plain, got, err)
				}
			}
		})
	}
}

// openingRequest is the base request as a handler gets it.
func openingRequest() *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(baseRequest)))
	if err != nil {
		panic(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	return r
}

// What keeps a connection from opening that is not the client's fault is a 500,
// in the log as an error, and wrapped for the program.
func TestAcceptWithoutHijack(t *testing.T) {
	var log logBuffer
	w := httptest.NewRecorder()
	c, err := websocket.Accept(w, openingRequest(), &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	e := handshakeError(t, err)
	if c != nil || e.Status != 500 || w.Code != 500 || !errors.Is(err, http.ErrNotSupported) || e.Reason == "" || !strings.HasPrefix(w.Body.String(), e.Reason) {
		t.Errorf("%v, %d %s", err, w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "peer=192.0.2.1:1234") {
		t.Errorf("the log says %s", log.String())
	}
}

// Over HTTP/2 there is nothing to upgrade.
func TestAcceptHTTP2(t *testing.T) {
	r := openingRequest()
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	w := httptest.NewRecorder()
	if _, err := websocket.Accept(w, r, nil); handshakeError(t, err).Status != 400 || w.Code != 400 {
		t.Errorf("%d, %v", w.Code, err)
	}
}

// Fields that a layer above has set belong to its own response, not to the
// refusal; those that have nothing to do with a body stay.
func TestRefusalHeader(t *testing.T) {
	w := httptest.NewRecorder()
	h := w.Header()
	h.Set("Content-Encoding", "gzip")
	h.Set("Content-Length", "12345")
	h.Set("Content-Type", "text/html")
	h.Set("Etag", `"x"`)
	h.Set("Connection", "keep-alive")
	h.Set("Strict-Transport-Security", "max-age=1")
	r := openingRequest()
	r.Header.Del("Upgrade")
	if _, err := websocket.Accept(w, r, nil); handshakeError(t, err).Status != 426 {
		t.Error(err)
	}
	want := http.Header{
		"Connection": {"close", "Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Content-Type": {"text/plain; charset=utf-8"},
		"Content-Length": {strconv.Itoa(w.Body.Len())}, "X-Content-Type-Options": {"nosniff"}, "Strict-Transport-Security": {"max-age=1"},
	}
	if len(h) != len(want) {
		t.Errorf("the fields are %v", h)
	}
	for name, values := range want {
		if !slices.Equal(h[name], values) {
			t.Errorf("%s: %q, want %q", name, h[name], values)
		}
	}
}

// Fields that the handler has set go out with the 101, but for those that would
// disturb it.
func TestAcceptHeader(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-From-Writer", "1")
		h.Set("Content-Type", "text/plain")
		h.Set("Content-Length", "5")
		h.Set("Connection", "close")
		h.Set("Sec-Websocket-Accept", "bogus")
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Header: http.Header{"Set-Cookie": {"a=b", "c=d"}}})
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.Close(websocket.CloseNormal, "")
	}))
	defer srv.Close()
	s := &stack{addr: srv.Listener.Addr().String()}
	list, rest := s.exchange(t, baseRequest+sayBye, 1<<20)
	if len(list) != 1 || list[0].StatusCode != 101 || rest != echoBye {
		t.Fatalf("%d, then %s", statuses(list), frames(rest))
	}
	checkOpening(t, baseRequest, list[0])
	h := list[0].Header
	if h.Get("X-From-Writer") != "1" || !slices.Equal(h["Set-Cookie"], []string{"a=b", "c=d"}) || len(h["Content-Type"]) > 0 || h.Get("Sec-WebSocket-Accept") != baseAccept {
		t.Errorf("the fields are %v", h)
	}
}

// A program may write refusals itself: the status, and the fields that go with
// it, are as they would be.
func TestAcceptorRefuse(t *testing.T) {
	var reasons []string
	a, err := websocket.NewAcceptor(&websocket.AcceptOptions{Refuse: func(w http.ResponseWriter, r *http.Request, status int, reason string) {
		reasons = append(reasons, reason)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		io.WriteString(w, `{"detail":"no"}`)
	}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3") // a layer above, of another body
		if c, err := a.Accept(w, r); err == nil {
			_ = c.Close(websocket.CloseNormal, "")
		}
	}))
	defer srv.Close()
	s := &stack{addr: srv.Listener.Addr().String()}
	for request, status := range map[string]int{change("-Upgrade"): 426, change("+Origin: http://evil.test"): 403, change("Sec-WebSocket-Key: x"): 400} {
		reasons = nil
		list, _ := s.exchange(t, request, 1<<20)
		if len(list) != 1 || list[0].StatusCode != status || list[0].body != `{"detail":"no"}` || !list[0].Close || list[0].ContentLength != 15 ||
			list[0].Header.Get("Content-Type") != "application/problem+json" || len(reasons) != 1 || reasons[0] == "" {
			t.Errorf("%q: %d %q, reasons %q", request, statuses(list), bodies(list), reasons)
			continue
		}
		list[0].checkUpgradeRequired(t)
	}
	if list, rest := s.exchange(t, baseRequest+sayBye, 1<<20); !slices.Equal(statuses(list), []int{101}) || rest != echoBye {
		t.Errorf("%d, then %s", statuses(list), frames(rest))
	}
	if _, err := websocket.NewAcceptor(&websocket.AcceptOptions{Origins: []string{"app.example"}}); err == nil || !strings.Contains(err.Error(), "app.example") {
		t.Errorf("a malformed origin: %v", err)
	}
	if a, err := websocket.NewAcceptor(nil); a == nil || err != nil {
		t.Errorf("without options: %v, %v", a, err)
	}
}
