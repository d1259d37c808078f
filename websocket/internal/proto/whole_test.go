package proto_test

import (
	"bytes"
	"testing"

	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/mask"
	"github.com/openline/openline/websocket/internal/proto"
)

// message is a frame as the peer of a client or a server sends it.
func message(h frame.Header, toClient bool, payload []byte) []byte {
	h.Masked, h.Length = !toClient, uint64(len(payload))
	h.Key = [4]byte{0x9A, 0x01, 0xF3, 0x77}
	b := frame.AppendHeader(nil, h)
	at := len(b)
	b = append(b, payload...)
	if h.Masked {
		mask.Apply(b[at:], h.Key, 0)
	}
	return b
}

// TestWhole: the short way is taken for every message that it is made for, whatever
// stands behind it, and not when an octet is missing.
func TestWhole(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
			for _, n := range []int{0, 1, 7, 8, 64, 125, 126, 1000, 65535} {
				payload := bytes.Repeat([]byte("Zß水🍣"), n)[:n]
				if op == frame.Text {
					payload = bytes.ToValidUTF8(payload, []byte("!"))
				}
				b := message(frame.Header{Fin: true, Opcode: op}, client, payload)
				r := proto.NewReceiver(client, false, proto.Limits{MessageSize: 65535, Fragments: 1})
				if _, _, took := r.Whole(bytes.Clone(b[:len(b)-1])); took != 0 {
					t.Errorf("client %v, %v of %d: taken without its last octet", client, op, n)
				}
				gotOp, got, took := r.Whole(append(bytes.Clone(b), 0x88))
				if gotOp != op || !bytes.Equal(got, payload) || took != len(b) {
					t.Errorf("client %v, %v of %d: took %d of %d octets, %v of %d", client, op, n, took, len(b), gotOp, len(got))
				}
			}
		}
	}
}

// TestWholeLeaves: what needs a closer look is left to Receive.
func TestWholeLeaves(t *testing.T) {
	limits := proto.Limits{MessageSize: 1 << 20}
	hi := []byte("Hi")
	for what, b := range map[string][]byte{
		"a fragment":             message(frame.Header{Opcode: frame.Text}, false, hi),
		"a continuation":         message(frame.Header{Fin: true}, false, hi),
		"RSV1":                   message(frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.Binary}, false, hi),
		"RSV2":                   message(frame.Header{Fin: true, RSV: frame.RSV2, Opcode: frame.Binary}, false, hi),
		"RSV3":                   message(frame.Header{Fin: true, RSV: frame.RSV3, Opcode: frame.Text}, false, hi),
		"a reserved opcode":      message(frame.Header{Fin: true, Opcode: 3}, false, hi),
		"a Ping":                 message(frame.Header{Fin: true, Opcode: frame.Ping}, false, hi),
		"a Close":                message(frame.Header{Fin: true, Opcode: frame.Close}, false, []byte{3, 232}),
		"no mask":                message(frame.Header{Fin: true, Opcode: frame.Text}, true, hi),
		"text that is not UTF-8": message(frame.Header{Fin: true, Opcode: frame.Text}, false, []byte("\xc3(")),
		"text that is cut":       message(frame.Header{Fin: true, Opcode: frame.Text}, false, []byte("水")[:2]),
		"65,536 octets":          message(frame.Header{Fin: true, Opcode: frame.Binary}, false, make([]byte, 65536)),
		"a long form":            append([]byte{0x82, 0xFE, 0, 125, 0, 0, 0, 0}, make([]byte, 125)...),
		"a longer form":          append([]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, hi...),
	} {
		r := proto.NewReceiver(false, false, limits)
		r.Inflate(deflate.NewInflater(deflate.MaxBits, true))
		if n := (&reading{r: r}).takeWhole(b); n != 0 {
			t.Errorf("%s: %d octets taken", what, n)
		}
	}
	masked := proto.NewReceiver(true, false, limits)
	if n := (&reading{r: masked}).takeWhole(message(frame.Header{Fin: true, Opcode: frame.Text}, false, hi)); n != 0 {
		t.Error("a client takes what is masked")
	}
	narrow := proto.NewReceiver(false, false, proto.Limits{MessageSize: 1})
	if n := (&reading{r: narrow}).takeWhole(message(frame.Header{Fin: true, Opcode: frame.Text}, false, hi)); n != 0 {
		t.Error("taken over the limit")
	}
}

// TestWholeNotBetweenMessages: a frame that would be in order is left to Receive
// where it is not, or where nothing is read any more.
func TestWholeNotBetweenMessages(t *testing.T) {
	for what, before := range map[string][]byte{
		"inside a header":            {0x81},
		"inside a payload":           {0x81, 0x82, 1, 2, 3, 4, 5},
		"inside a control frame":     {0x89, 0x82, 1, 2, 3, 4, 5},
		"inside a fragmented text":   message(frame.Header{Opcode: frame.Text}, false, []byte("Hi")),
		"after a Close":              message(frame.Header{Fin: true, Opcode: frame.Close}, false, nil),
		"after a frame out of order": {0x83},
	} {
		r := proto.NewReceiver(false, false, proto.Limits{})
		for rest := before; len(rest) > 0; {
			n, _, err := r.Receive(rest)
			if rest = rest[n:]; err != nil {
				break
			}
		}
		if n := (&reading{r: r}).takeWhole(message(frame.Header{Fin: true, Opcode: frame.Text}, false, []byte("Hi"))); n != 0 {
			t.Errorf("%s: %d octets taken", what, n)
		}
	}
}
