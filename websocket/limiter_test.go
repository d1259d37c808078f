package websocket

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func requestFrom(address string) *http.Request { return &http.Request{RemoteAddr: address} }

// try counts a connection in, and reports the status if it may not.
func try(l *Limiter, address string) (release func(), status int) {
	release, refusal := l.acquire(requestFrom(address))
	if refusal != nil {
		return nil, refusal.Status
	}
	return release, 0
}

func TestLimiterAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:1":             "192.0.2.1",
		"[::ffff:192.0.2.1]:1":    "192.0.2.1",
		"[2001:db8::1]:1":         "2001:db8::/64",
		"[2001:db8::1:2:3:4]:2":   "2001:db8::/64",
		"[2001:db8:0:1::1]:1":     "2001:db8:0:1::/64",
		"[fe80::1%eth0]:1":        "fe80::/64",
		"@":                       "@", // a Unix socket
		"pipe":                    "pipe",
		"":                        "",
		"192.0.2.1":               "192.0.2.1",
		"example.com:80":          "example.com:80",
		"[2001:db8::1%25x]:65535": "2001:db8::/64",
	} {
		if got := remoteAddress(requestFrom(address)); got != want {
			t.Errorf("%q counts as %q, want %q", address, got, want)
		}
	}
}

func TestLimiterCounts(t *testing.T) {
	l := &Limiter{Connections: 3, PerAddress: 2}
	var out []func()
	for i, c := range []struct {
		address string
		status  int
	}{
		{"192.0.2.1:1", 0},
		{"192.0.2.1:2", 0},
		{"192.0.2.1:3", http.StatusTooManyRequests},
		{"[2001:db8::1]:1", 0},
		{"[2001:db8::2]:1", http.StatusServiceUnavailable}, // in all, before by address
		{"192.0.2.1:4", http.StatusServiceUnavailable},
	} {
		release, status := try(l, c.address)
		if status != c.status {
			t.Fatalf("%d, %s: %d, want %d", i, c.address, status, c.status)
		}
		if release != nil {
			out = append(out, release)
		}
	}
	if l.Open() != 3 {
		t.Errorf("%d are open", l.Open())
	}
	out[0]()
	if _, status := try(l, "192.0.2.1:5"); status != 0 {
		t.Errorf("after one has gone: %d", status)
	}
	out[1]()
	out[2]()
	if l.Open() != 1 || len(l.peers) != 1 {
		t.Errorf("%d are open, %d addresses known", l.Open(), len(l.peers))
	}
	// No limits, no limiter.
	for _, l := range []*Limiter{nil, {}, {Connections: -1, PerAddress: -1, HandshakesPerSecond: -1}} {
		for range 1000 {
			if _, status := try(l, "192.0.2.1:1"); status != 0 {
				t.Fatalf("without a limit: %d", status)
			}
		}
	}
}

func TestLimiterRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Limiter{HandshakesPerSecond: 2, HandshakeBurst: 3}
		passes := func(address string, n int) {
			t.Helper()
			for i := range n {
				release, status := try(l, address)
				if status != 0 {
					t.Fatalf("%s: handshake %d: %d", address, i, status)
				}
				release()
			}
			_, refusal := l.acquire(requestFrom(address))
			if refusal == nil || refusal.Status != http.StatusTooManyRequests || refusal.Header.Get("Retry-After") != "1" {
				t.Fatalf("%s: handshake %d: %+v", address, n, refusal)
			}
		}
		passes("192.0.2.1:1", 3)
		passes("192.0.2.2:1", 3) // each address has its own
		<-time.After(500 * time.Millisecond)
		passes("192.0.2.1:1", 1)
		<-time.After(time.Hour)
		passes("192.0.2.1:1", 3)
		slow := &Limiter{HandshakesPerSecond: 0.01}
		try(slow, "192.0.2.1:1")
		if _, refusal := slow.acquire(requestFrom("192.0.2.1:1")); refusal == nil || refusal.Header.Get("Retry-After") != "101" {
			t.Errorf("one in 100 seconds: %+v", refusal)
		}
	})
}

// Addresses that have gone do not stay, even if a rate is remembered for each.
func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Limiter{HandshakesPerSecond: 10, PerAddress: 1}
		held, _ := try(l, "192.0.2.1:1")
		for i := range 100_000 {
			release, status := try(l, fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xFFFF))
			if status != 0 {
				t.Fatal(status)
			}
			release()
			if i%100 == 0 {
				<-time.After(time.Second)
			}
		}
		if n := len(l.peers); n > 4096 {
			t.Errorf("%d addresses are remembered", n)
		}
		if _, status := try(l, "192.0.2.1:2"); status != http.StatusTooManyRequests {
			t.Errorf("the one that is there has been forgotten: %d", status)
		}
		held()
		if l.Open() != 0 {
			t.Errorf("%d are open", l.Open())
		}
	})
}

func TestLimiterConcurrently(t *testing.T) {
	l := &Limiter{Connections: 5, PerAddress: 2}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 1000 {
				if release, status := try(l, fmt.Sprintf("192.0.2.%d:1", i%4)); status == 0 {
					if n := l.Open(); n > 5 {
						t.Errorf("%d are open", n)
					}
					release()
				}
			}
		})
	}
	all.Wait()
	if l.Open() != 0 || len(l.peers) != 0 {
		t.Errorf("%d are open, %d addresses known", l.Open(), len(l.peers))
	}
}

// What Accept counts in it counts out, when the connection does not come about
// either.
func TestLimiterAfterFailure(t *testing.T) {
	l := &Limiter{Connections: 1}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAECAwQFBgcICQoLDA0ODw=="}}
	for range 3 {
		w := httptest.NewRecorder() // no connection can be taken from it
		if _, err := Accept(w, r, &AcceptOptions{Limiter: l}); err == nil || w.Code != http.StatusInternalServerError {
			t.Errorf("%d, %v", w.Code, err)
		}
		if l.Open() != 0 {
			t.Fatalf("%d are open", l.Open())
		}
	}
}
