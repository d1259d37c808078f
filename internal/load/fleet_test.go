package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// guard bounds a run that would otherwise hang a failing test.
const guard = 20 * time.Second

// fake is a server whose deliveries a test decides on.
type fake struct {
	mu       sync.Mutex
	lines    map[int]net.Conn // by session
	requests int

	// handshake, if not nil, may answer a session's handshake itself.
	handshake func(session int, w http.ResponseWriter) bool
	// deliver is how often a request's message goes to a session; nil: once.
	deliver func(session, request int) int
	// answer is the status of a request; nil: 200.
	answer func(request int) int
	// refuse closes the line of this session before the first delivery; -1: none.
	refuse int
}

func (s *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(r.URL.Path, "/")
	if r.Method == http.MethodGet {
		session, _ := strconv.Atoi(strings.TrimPrefix(part[2], "u"))
		if s.handshake != nil && s.handshake(session, w) {
			return
		}
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		s.mu.Lock()
		s.lines[session] = nc
		s.mu.Unlock()
		// The first frame behind the answer, in one piece with it, and a ping in two.
		_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02{}\x89")
		_, _ = io.WriteString(nc, "\x01!")
		return
	}
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	request := s.requests
	s.requests++
	if s.answer != nil {
		if status := s.answer(request); status != http.StatusOK {
			if status == http.StatusRequestEntityTooLarge {
				w.Header().Set("Connection", "close")
			}
			http.Error(w, `{"detail":"not now"}`, status)
			return
		}
	}
	frame := append([]byte{0x81, byte(len(body))}, body...)
	for session, nc := range s.lines {
		if part[2] == "users" && part[3] != "u"+strconv.Itoa(session) {
			continue
		}
		if request == 0 && session == s.refuse {
			_, _ = nc.Write([]byte("\x88\x02\x0f\xa8")) // 4008
			continue
		}
		times := 1
		if s.deliver != nil {
			times = s.deliver(session, request)
		}
		for range times {
			_, _ = nc.Write(frame)
		}
	}
	_, _ = io.WriteString(w, "{}")
}

// meet starts a server and a fleet for it.
func meet(t *testing.T, s *fake, overTLS bool) *Fleet {
	t.Helper()
	s.lines = make(map[int]net.Conn)
	srv := httptest.NewUnstartedServer(s)
	o := &Options{Dialect: &Openline{Host: "x", Prefix: "u", Channel: "all", Key: "k"}}
	if overTLS {
		srv.StartTLS()
		roots := x509.NewCertPool()
		roots.AddCert(srv.Certificate())
		o.TLS = &tls.Config{RootCAs: roots, ServerName: "example.com"}
	} else {
		srv.Start()
	}
	o.Addr = netip.MustParseAddrPort(srv.Listener.Addr().String())
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, nc := range s.lines {
			_ = nc.Close()
		}
		srv.CloseClientConnections()
	})
	t.Cleanup(srv.Close)
	return f
}

// both runs a test with each engine.
func both(t *testing.T, f func(t *testing.T, overTLS bool)) {
	t.Run("plain", func(t *testing.T) { f(t, false) })
	t.Run("TLS", func(t *testing.T) { f(t, true) })
}

func open(t *testing.T, f *Fleet, n int) *Opened {
	t.Helper()
	o, err := f.Open(t.Context(), n, &OpenOptions{InFlight: 7})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFanoutIsReckoned(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		f := meet(t, &fake{refuse: -1}, overTLS)
		if o := open(t, f, 20); o.Ready != 20 || len(o.Refused) != 0 || o.Wait.Count() != 20 {
			t.Fatalf("opened %+v", o)
		}
		for range 2 { // a second run knows nothing of the first
			r, err := f.Publish(t.Context(), &Plan{Publishers: 3, Messages: 20, Time: guard})
			if err != nil {
				t.Fatal(err)
			}
			if r.Published != 20 || r.Deliveries != 400 || r.Lost != 0 || r.Duplicates != 0 || len(r.Refused)+len(r.Cut) != 0 || r.Latency.Count() != 400 {
				t.Errorf("published %d, delivered %d, lost %d, %d twice, refused %v, cut %v", r.Published, r.Deliveries, r.Lost, r.Duplicates, r.Refused, r.Cut)
			}
		}
	})
}

func TestUnicastIsReckoned(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		f := meet(t, &fake{refuse: -1}, overTLS)
		open(t, f, 5)
		r, err := f.Publish(t.Context(), &Plan{Publishers: 8, Unicast: true, Messages: 30, Time: guard})
		if err != nil {
			t.Fatal(err)
		}
		if r.Published != 30 || r.Deliveries != 30 || r.Lost != 0 || r.Duplicates != 0 {
			t.Errorf("published %d, delivered %d, lost %d, %d twice", r.Published, r.Deliveries, r.Lost, r.Duplicates)
		}
	})
}

func TestLossesAndDuplicatesAreSeen(t *testing.T) {
	deliver := func(session, request int) int {
		switch {
		case session == 1 && request == 3: // in the middle
			return 0
		case session == 2 && request == 9: // at the end
			return 0
		case session == 3 && request == 5:
			return 2
		}
		return 1
	}
	f := meet(t, &fake{refuse: -1, deliver: deliver}, false)
	open(t, f, 4)
	r, err := f.Publish(t.Context(), &Plan{Rate: 1000, Messages: 10, Time: guard, Settle: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Published != 10 || r.Deliveries != 38 || r.Lost != 2 || r.Duplicates != 1 {
		t.Errorf("published %d, delivered %d, lost %d, %d twice", r.Published, r.Deliveries, r.Lost, r.Duplicates)
	}
}

func TestCutSessionsAreNoLosses(t *testing.T) {
	f := meet(t, &fake{refuse: 2}, false)
	open(t, f, 4)
	r, err := f.Publish(t.Context(), &Plan{Messages: 5, Time: guard})
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost != 0 || r.Deliveries != 15 || r.Cut["closed with 4008 "] != 1 || f.Ready() != 3 {
		t.Errorf("lost %d, delivered %d, cut %v, %d left", r.Lost, r.Deliveries, r.Cut, f.Ready())
	}
}

func TestStoppedSessionsAreLeftOut(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		f := meet(t, &fake{refuse: -1}, overTLS)
		open(t, f, 4)
		r, err := f.Publish(t.Context(), &Plan{Messages: 5, Time: guard, Stop: 3})
		if err != nil {
			t.Fatal(err)
		}
		if r.Lost != 0 || r.Deliveries != 5 || len(r.Cut) != 0 {
			t.Errorf("lost %d, delivered %d, cut %v", r.Lost, r.Deliveries, r.Cut)
		}
	})
}

func TestRefusedPublishesAreCounted(t *testing.T) {
	busy := func(request int) int {
		if request%2 == 0 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	f := meet(t, &fake{refuse: -1, answer: busy}, false)
	open(t, f, 2)
	r, err := f.Publish(t.Context(), &Plan{Messages: 10, Time: guard})
	if err != nil {
		t.Fatal(err)
	}
	if r.Published != 5 || r.Refused["HTTP 503: not now"] != 5 || r.Deliveries != 10 || r.Lost != 0 {
		t.Errorf("published %d, refused %v, delivered %d, lost %d", r.Published, r.Refused, r.Deliveries, r.Lost)
	}
}

// A server that closes behind some answers, as HTTP lets it.
func TestPublishersDialAgain(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		large := func(request int) int {
			if request%3 == 0 {
				return http.StatusRequestEntityTooLarge
			}
			return http.StatusOK
		}
		f := meet(t, &fake{refuse: -1, answer: large}, overTLS)
		open(t, f, 2)
		r, err := f.Publish(t.Context(), &Plan{Publishers: 2, Messages: 9, Time: guard})
		if err != nil {
			t.Fatal(err)
		}
		if r.Published != 6 || r.Refused["HTTP 413: not now"] != 3 || r.Deliveries != 12 || r.Lost != 0 {
			t.Errorf("published %d, refused %v, delivered %d, lost %d", r.Published, r.Refused, r.Deliveries, r.Lost)
		}
	})
}

func TestWrongKeyEndsTheRun(t *testing.T) {
	f := meet(t, &fake{refuse: -1, answer: func(int) int { return http.StatusUnauthorized }}, false)
	open(t, f, 2)
	if _, err := f.Publish(t.Context(), &Plan{}); err == nil || !strings.Contains(err.Error(), "HTTP 401: not now") {
		t.Errorf("the error is %v", err)
	}
}

func TestRefusedSessionsAreCounted(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		full := func(session int, w http.ResponseWriter) bool {
			if session < 3 {
				return false
			}
			http.Error(w, `{"detail":"full"}`, http.StatusServiceUnavailable)
			return true
		}
		f := meet(t, &fake{refuse: -1, handshake: full}, overTLS)
		if o := open(t, f, 5); o.Ready != 3 || o.Refused["HTTP 503: full"] != 2 || f.Ready() != 3 {
			t.Errorf("ready %d, refused %v", o.Ready, o.Refused)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	_ = l.Close()
	f, err := New(&Options{Dialect: &Openline{}, Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if o := open(t, f, 3); o.Ready != 0 || o.Refused["nobody listens there"] != 3 {
		t.Errorf("ready %d, refused %v", o.Ready, o.Refused)
	}
	if _, err := f.Publish(t.Context(), &Plan{}); err == nil {
		t.Error("publishing to nobody is no error")
	}
}

// A server that takes connections and says nothing.
func TestOpenGivesUp(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		s := &fake{refuse: -1, handshake: func(_ int, w http.ResponseWriter) bool {
			nc, _, _ := w.(http.Hijacker).Hijack()
			_, _ = bufio.NewReader(nc).ReadByte()
			_ = nc.Close()
			return true
		}}
		f := meet(t, s, overTLS)
		o, err := f.Open(t.Context(), 2, &OpenOptions{Timeout: 100 * time.Millisecond})
		if err != nil || o.Ready != 0 || o.Refused["no answer in time"] != 2 {
			t.Errorf("%+v, %v", o, err)
		}
	})
}

func TestEndOfContext(t *testing.T) {
	f := meet(t, &fake{refuse: -1}, false)
	open(t, f, 2)
	ctx, cancel := context.WithCancel(t.Context())
	p := &Plan{Rate: 200, Time: time.Hour, Progress: func(_ time.Duration, deliveries uint64) {
		if deliveries >= 4 {
			cancel()
		}
	}}
	r, err := f.Publish(ctx, p)
	if !errors.Is(err, context.Canceled) || r.Deliveries < 4 {
		t.Errorf("%v, %d deliveries", err, r.Deliveries)
	}
	if _, err := f.Open(ctx, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
}

func TestSettle(t *testing.T) {
	f := meet(t, &fake{refuse: -1}, false)
	open(t, f, 1)
	asked := 0
	if err := f.Settle(t.Context(), time.Millisecond, func() int64 { asked++; return 1 }, nil); err != nil || asked != 2 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}
