package openline

import (
	"testing"
	"testing/synctest"
	"time"
)

// Who acknowledges while the line is still being given the message is heard.
func TestAcknowledgedAtOnce(t *testing.T) {
	h := newHub(t, nil)
	l := &ackingLine{fakeLine: newLine()}
	s, err := h.Open(t.Context(), l, Opening{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	l.ack = func(id string) { _ = s.Ack(id) }
	r, err := h.Send(t.Context(), "alice", Publication{Await: time.Hour})
	if err != nil || !r.Acknowledged {
		t.Errorf("%+v, %v", r, err)
	}
}

// ackingLine answers before it returns, as a peer may.
type ackingLine struct {
	*fakeLine
	ack func(id string)
}

func (l *ackingLine) Send(m *Message) error {
	if m.Ack {
		l.ack(m.ID)
	}
	return l.fakeLine.Send(m)
}

// What nobody acknowledges is forgotten, as many as there are, and with it who has got it.
func TestTrackersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, nil)
		s, l := openSession(t, h, "alice")
		place := func(n int) {
			for range n {
				p := Publication{Await: time.Second}
				p.Channel = "@alice"
				if e := h.complete(&p, false); e != nil {
					t.Fatal(e)
				}
				if _, _, err := h.broker.(Placer).Place(&p); err != nil {
					t.Fatal(err)
				}
			}
		}
		place(maxTrackers + 10)
		if n := len(h.trackers.oldest); n != maxTrackers || len(h.trackers.byID) != n {
			t.Errorf("%d and %d trackers", n, len(h.trackers.byID))
		}
		synctest.Wait()
		time.Sleep(trackFor + 1)
		place(1)
		if n := len(h.trackers.oldest); n != 1 || len(h.trackers.byID) != n {
			t.Errorf("%d and %d trackers", n, len(h.trackers.byID))
		}
		last := l.messages(1 + maxTrackers + 11)[maxTrackers+11]
		if h.trackers.find(last.ID) == nil {
			t.Errorf("the last, %s, is not tracked", last.ID)
		}
		// Whoever still waits is not forgotten.
		acked := make(chan Receipt)
		go func() {
			r, _ := h.Send(t.Context(), "alice", Publication{Await: time.Hour})
			acked <- r
		}()
		synctest.Wait()
		waits := l.messages(0)[len(l.messages(0))-1]
		time.Sleep(trackFor + 1)
		place(1)
		if err := s.Ack(waits.ID); err != nil {
			t.Error(err)
		}
		if r := <-acked; !r.Acknowledged {
			t.Errorf("%+v", r)
		}
	})
}
