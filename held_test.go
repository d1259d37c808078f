package openline

import (
	"fmt"
	"strings"
	"testing"
)

func heldText(h *held) string {
	var list []string
	for _, m := range h.messages {
		list = append(list, fmt.Sprintf("%s%d", m.Key, m.Seq))
	}
	return strings.Join(list, " ")
}

func TestHeld(t *testing.T) {
	var h held
	if h.next() != 0 {
		t.Error(h.next())
	}
	for i, key := range []string{"a", "b", "a", "", "b", ""} {
		h.add(&Message{Key: key, Seq: uint64(i + 1), Data: make([]byte, 10)}, true, maxHeldBytes)
	}
	want(t, "newest", heldText(&h), "a3 b5 6")
	h.add(&Message{Type: "sys:join", Seq: 7}, true, maxHeldBytes)
	h.add(&Message{Type: "sys:leave", Seq: 8}, true, maxHeldBytes)
	h.add(&Message{Seq: 9, Data: make([]byte, 10)}, true, maxHeldBytes)
	want(t, "beside who comes and goes", heldText(&h), "a3 b5 7 8 9")
	h.add(&Message{Key: "a", Seq: 10, Data: make([]byte, 10)}, false, maxHeldBytes)
	want(t, "all", heldText(&h), "a3 b5 7 8 9 a10")
	h.drop("a")
	h.drop("none")
	want(t, "dropped", heldText(&h), "b5 7 8 9 a10")
	if h.bytes != 30 || h.lost != 0 {
		t.Errorf("%d bytes, lost %d", h.bytes, h.lost)
	}
	if m := h.take(); m.Seq != 5 || h.next() != 7 || h.bytes != 20 {
		t.Errorf("%d, then %d, %d bytes", m.Seq, h.next(), h.bytes)
	}
}

// What is too much goes, the oldest first, and what the gap spans is remembered until it is told. One message always stays.
func TestHeldIsBounded(t *testing.T) {
	var h held
	for i := range maxHeld + 10 {
		h.add(&Message{Seq: uint64(i + 100)}, false, maxHeldBytes)
	}
	if len(h.messages) != maxHeld || h.from != 99 || h.lost != 109 || h.next() != 110 {
		t.Errorf("%d, %d to %d, then %d", len(h.messages), h.from, h.lost, h.next())
	}
	h = held{}
	for i := range 5 {
		h.add(&Message{Seq: uint64(i + 1), Data: make([]byte, 40)}, false, 100)
	}
	if len(h.messages) != 2 || h.from != 0 || h.lost != 3 || h.bytes != 80 {
		t.Errorf("%s, %d to %d, %d bytes", heldText(&h), h.from, h.lost, h.bytes)
	}
	h.add(&Message{Seq: 6, Data: make([]byte, 400)}, false, 100)
	want(t, "one", heldText(&h), "6")
	h.add(&Message{Seq: 7, Data: make([]byte, 40)}, false, -5)
	want(t, "no room", heldText(&h), "7")
}
