package websocket

import "testing"

// TestPiecesAreKept: a list that a full queue has made serves the next one, but no
// connection holds on to one.
func TestPiecesAreKept(t *testing.T) {
	for _, c := range []struct {
		messages int
		keep     bool
		kept     bool
	}{{200, false, true}, {1000, false, false}, {200, true, false}, {40, true, true}} {
		w := &loopWrite{keep: c.keep}
		for range c.messages {
			w.pieces = append(w.pieces, piece{own: []byte("x"), messages: 1})
			w.bytes++
			w.messages++
		}
		w.sent(c.messages - 1)
		if len(w.pieces) != 1 {
			t.Fatalf("%d pieces are left", len(w.pieces))
		}
		w.sent(1)
		if kept := cap(w.pieces) > 0; kept != c.kept || w.messages != 0 || w.bytes != 0 {
			t.Errorf("%d messages, keep %v: %d pieces are kept, %d messages left", c.messages, c.keep, cap(w.pieces), w.messages)
		}
	}
}
