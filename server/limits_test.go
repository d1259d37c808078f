package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

func TestConnectionLimit(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{Connections: 2}})
	first := r.dial("/ws/a", nil)
	r.dial("/ws/b", nil)
	e := r.refused("/ws/c", nil)
	if e.Status != 503 || e.Header.Get("Retry-After") == "" || detail(t, e) == "" {
		t.Errorf("%d %v", e.Status, e.Header)
	}
	r.again("/ws/c", first)
}

// again ends a session, upon which there is room for another at path.
func (r *running) again(path string, s *session) {
	r.t.Helper()
	_ = s.c.Close(websocket.CloseNormal, "")
	ctx, cancel := context.WithTimeout(r.t.Context(), guard)
	defer cancel()
	for {
		c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(r.URL(), "http")+path, nil)
		if err == nil {
			_ = c.CloseNow()
			return
		}
		var refused *websocket.HandshakeError
		if !errors.As(err, &refused) || (refused.Status != 429 && refused.Status != 503) {
			r.t.Fatal(err)
		}
	}
}

func TestPerUserLimit(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{PerUser: 2}})
	first := r.dial("/ws/alice", nil)
	r.dial("/ws/alice", nil)
	e := r.refused("/ws/alice", nil)
	if d := detail(t, e); e.Status != 429 || e.Header.Get("Retry-After") == "" || !strings.Contains(d, `"alice" has 2 sessions`) {
		t.Errorf("%d %v %s", e.Status, e.Header, d)
	}
	r.dial("/ws/bob", nil)
	r.again("/ws/alice", first)
	// A request that does not become a session counts for nothing.
	for range 5 {
		if status, _ := r.call("GET", "/ws/carol", ""); status != 426 {
			t.Errorf("status %d", status)
		}
	}
	r.dial("/ws/carol", nil)
}

func TestPerAddressLimit(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{PerAddress: 1}})
	r.dial("/ws/alice", nil)
	if e := r.refused("/ws/bob", nil); e.Status != 429 || e.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", e.Status, e.Header)
	}
}

func TestMessageRate(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{MessagesPerSecond: 0.001, MessageBurst: 3}})
	alice := r.dial("/ws/alice", nil)
	alice.expect("sys:open")
	for i := range 5 {
		alice.send(fmt.Sprintf(`{"type":"ping","ref":%d}`, i))
	}
	for i := range 3 {
		if e := alice.expect("sys:ok"); string(e.Ref) != fmt.Sprint(i) {
			t.Errorf("%+v", e)
		}
	}
	if e := alice.expect("sys:error"); !strings.Contains(string(e.Data), "rate_limit") {
		t.Errorf("%s", e.Data)
	}
	if e := alice.closed(); e.Code != 4029 || !e.Remote {
		t.Errorf("%v", e)
	}
}

// The largest message that the server takes is one that a client with the same
// limit takes.
func TestMessageSize(t *testing.T) {
	r := start(t, nil)
	alice := r.dial("/ws/alice", nil)
	alice.expect("sys:open")
	text := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	if status, p := r.call("POST", "/api/users/alice/messages", text(1<<20)); status != 413 {
		t.Errorf("%d %v", status, p)
	}
	if status, p := r.call("POST", "/api/users/alice/messages", text(1<<20-4<<10)); status != 200 {
		t.Errorf("%d %v", status, p)
	}
	alice.expect("message")
	for size, want := range map[Bytes]int{1 << 20: 1<<20 - 4<<10, 1000: 500, 1: 1, -1: -1} {
		if got := (&resolved{Config: Config{Limits: LimitsConfig{MessageSize: size}}}).maxData(); got != want {
			t.Errorf("%d: %d, want %d", size, got, want)
		}
	}
}

// With no limit, the HTTP API has none either.
func TestNoMessageSize(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{MessageSize: -1}})
	if status, p := r.call("POST", "/api/users/alice/messages", `"`+strings.Repeat("x", 2<<20)+`"`); status != 200 {
		t.Errorf("%d %v", status, p)
	}
}

// A client that does not read is closed with 4008, and the others get
// everything.
func TestSlowConsumer(t *testing.T) {
	closed := make(chan openline.CloseReason, 10)
	r := start(t, &Config{
		Limits: LimitsConfig{QueueMessages: 8},
		Hub: &openline.Options{OnClose: func(s *openline.Session, why openline.CloseReason) {
			if s.User() == "slow" {
				closed <- why
			}
		}},
	})
	slow := r.dial("/ws/slow", nil)
	slow.expect("sys:open")
	fast := r.dial("/ws/fast", nil)
	fast.expect("sys:open")

	data := `"` + strings.Repeat("x", 300<<10) + `"`
	deadline := time.After(guard)
	for sent := 0; ; sent++ {
		if status, p := r.call("POST", "/api/broadcast", data); status != 200 {
			t.Fatalf("%d %v", status, p)
		}
		if e := fast.expect("message"); len(e.Data) != len(data) {
			t.Fatalf("%d bytes", len(e.Data))
		}
		select {
		case <-deadline:
			t.Fatal("the slow session is not closed")
		default:
		}
		if _, p := r.call("GET", "/api/users/slow", ""); p["online"] == false {
			break
		}
	}
	if e := slow.closed(); e.Code != 4008 || !e.Remote {
		t.Errorf("%v", e)
	}
	select {
	case why := <-closed:
		if why.Code != 4008 {
			t.Errorf("%+v", why)
		}
	case <-deadline:
		t.Error("no OnClose")
	}
	r.call("POST", "/api/users/fast/messages", "1")
	fast.expect("message")
}

func TestDisconnect(t *testing.T) {
	r := start(t, nil)
	one, two := r.dial("/ws/alice", nil), r.dial("/ws/alice", nil)
	id := one.expect("sys:open").Data
	two.expect("sys:open")
	var facts struct{ Session string }
	decode(t, id, &facts)
	if status, p := r.call("DELETE", "/api/sessions/"+facts.Session, ""); status != 200 || p["disconnected"] != 1.0 {
		t.Errorf("%d %v", status, p)
	}
	if e := one.closed(); e.Code != 4009 || e.Reason == "" {
		t.Errorf("%v", e)
	}
	if status, p := r.call("DELETE", "/api/sessions/"+facts.Session, ""); status != 404 {
		t.Errorf("again: %d %v", status, p)
	}
	if status, p := r.call("DELETE", "/api/users/alice/sessions", ""); status != 200 || p["disconnected"] != 1.0 {
		t.Errorf("%d %v", status, p)
	}
	if e := two.closed(); e.Code != 4009 {
		t.Errorf("%v", e)
	}
	if _, p := r.call("GET", "/api/users/alice", ""); p["online"] != false {
		t.Errorf("%v", p)
	}
}
