package openline

import "slices"

// Bounds of what is held for one session of one channel.
const (
	maxHeld      = 256
	maxHeldBytes = 1 << 20 // of data, in all of its channels while it is behind
)

// held is live messages that are kept for one session, oldest first: all of them, or the newest of each key. The oldest go first where there are too many.
type held struct {
	messages []*Message
	bytes    int
	from     uint64 // the place before the first that is gone
	lost     uint64 // the place of the last that is gone and has not been told of; 0: none
}

// add keeps m, within a number of bytes if there are others. If it is the newest that counts, it takes the place of one with the same key; who comes and who goes is not replaced.
func (h *held) add(m *Message, newest bool, most int) {
	if newest && !isSystem(m.Type) {
		h.drop(m.Key)
	}
	h.messages = append(h.messages, m)
	h.bytes += len(m.Data)
	for len(h.messages) > 1 && (len(h.messages) > maxHeld || h.bytes > most) {
		if h.lost == 0 {
			h.from = h.messages[0].Seq - 1
		}
		h.lost = h.messages[0].Seq
		h.take()
	}
}

// drop removes the message with the key, if there is one.
func (h *held) drop(key string) {
	for i, old := range h.messages {
		if old.Key == key && !isSystem(old.Type) {
			h.bytes -= len(old.Data)
			h.messages = slices.Delete(h.messages, i, i+1)
			return
		}
	}
}

// count makes of what is there all that there has been.
func (h *held) count() {
	h.lost, h.bytes = 0, 0
	for _, m := range h.messages {
		h.bytes += len(m.Data)
	}
}

// next returns the place of the first, or 0.
func (h *held) next() uint64 {
	if len(h.messages) == 0 {
		return 0
	}
	return h.messages[0].Seq
}

// take removes and returns the first.
func (h *held) take() *Message {
	m := h.messages[0]
	h.messages[0] = nil
	h.messages = h.messages[1:]
	h.bytes -= len(m.Data)
	return m
}
