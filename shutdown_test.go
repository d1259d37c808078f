package openline

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestShutdownDrains(t *testing.T) {
	h := newHub(t, &Options{DrainSpread: 10 * time.Second, Shards: 2})
	const n = 50
	lines := make([]*fakeLine, n)
	sessions := make([]*Session, n)
	for i := range n {
		sessions[i], lines[i] = openSession(t, h, "alice", "c")
	}
	down := make(chan error)
	go func() { down <- h.Shutdown(t.Context()) }()
	seen := map[float64]bool{}
	for _, l := range lines {
		if code, reason := l.closed(); code != CloseGoingAway || reason != "draining" {
			t.Errorf("closed with %d %q", code, reason)
		}
		got := l.messages(2)
		e := read(t, got[1])
		retry, ok := data(t, e.Data)["retry"].(float64)
		if e.Type != "sys:drain" || !ok || retry < 0 || retry > 10_100 || len(got) != 2 {
			t.Errorf("got %s", got[1].JSON())
		}
		seen[retry] = true
	}
	if len(seen) < n*9/10 {
		t.Errorf("%d sessions come back at only %d moments", n, len(seen))
	}
	if _, err := h.Open(t.Context(), newLine(), Opening{User: "bob"}); err == nil || err.(*Error).Close != CloseTryAgainLater || err.(*Error).Status() != 503 {
		t.Error(err)
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown has returned %v before the lines were gone", err)
	default:
	}
	for _, s := range sessions {
		s.Closed(nil)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := h.Publish(t.Context(), Publication{Channel: "c"}); !errors.Is(err, ErrHubClosed) {
		t.Error(err)
	}
	if h.UserSessions("alice") != nil || h.Len() != 0 {
		t.Error("sessions are left")
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	closed := 0
	h := newHub(t, &Options{OnClose: func(*Session, CloseReason) { closed++ }})
	s, l := openSession(t, h, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) || err.Error() != "openline: 1 sessions had not ended: context canceled" {
		t.Error(err)
	}
	if err := s.Subscribe("c"); err == nil {
		t.Error("subscribed")
	}
	s.Receive(t.Context(), []byte(`{"type":"ping"}`))
	s.Closed(nil)
	if got := l.messages(2); len(got) != 2 || closed != 1 {
		t.Errorf("%d messages, %d closed", len(got), closed)
	}
}

// Openings that race with Shutdown either fail, or their session is drained: none is forgotten.
func TestShutdownWhileOpening(t *testing.T) {
	h := newHub(t, nil)
	results := make(chan bool)
	for range 20 {
		go func() {
			l := newLine()
			s, err := h.Open(t.Context(), l, Opening{User: "alice"})
			if err != nil {
				results <- false
				return
			}
			code, _ := l.closed()
			s.Closed(nil)
			results <- code == CloseGoingAway
		}()
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range 20 {
		<-results
	}
	if h.live != 0 || h.Len() != 0 {
		t.Errorf("%d live, %d listed", h.live, h.Len())
	}
}
