package proto_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/wstest"
)

// FuzzReceive cuts any input anywhere: the same comes out as octet by octet, with
// Whole asked first and without, and nothing panics. Both ends, with limits that
// the input can meet.
func FuzzReceive(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		for _, s := range wstest.ReadScripts(f, file) {
			if input := s.Input(); len(input) <= 256 {
				f.Add(input, s.Client, uint64(len(input)/2), s.Deflate)
			}
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, client bool, cuts uint64, deflate bool) {
		s := &wstest.Script{Client: client, ReadLimit: 300, Deflate: deflate}
		limits := limitsOf(s)
		if cuts>>63 == 1 {
			limits.Ratio, limits.RatioFloor = 3, 20
		}
		single := newReadingWithin(s, limits)
		for i := range input {
			single.feed(input[i : i+1])
		}
		cut, cutShort := newReadingWithin(s, limits), newReadingWithin(s, limits).takingWhole()
		for rest := input; len(rest) > 0; cuts = cuts>>5 | cuts<<59 { // pieces of up to 32 octets, as cuts has it
			n := min(int(cuts&31)+1, len(rest))
			cut.feed(rest[:n])
			cutShort.feed(rest[:n])
			rest = rest[n:]
		}
		whole, short := newReadingWithin(s, limits), newReadingWithin(s, limits).takingWhole()
		whole.feed(input)
		short.feed(input)
		for name, r := range map[string]*reading{"in pieces": cut, "whole": whole, "in pieces, by the short way": cutShort, "by the short way": short} {
			if !slices.Equal(r.events, single.events) {
				t.Fatalf("%x %s: %q, octet by octet: %q", input, name, r.events, single.events)
			}
			if !bytes.Equal(r.message, single.message) && r.err == nil {
				t.Fatalf("%x %s: the open message has %x, octet by octet: %x", input, name, r.message, single.message)
			}
			if r.r.InFrame() != single.r.InFrame() && r.err == nil {
				t.Fatalf("%x %s: InFrame differs", input, name)
			}
		}
	})
}

// FuzzSendReceive lets a Sender send what a program of octets says, and a
// Receiver of the other end read it: the same events, whoever is the client.
func FuzzSendReceive(f *testing.F) {
	f.Add([]byte("\x00\x05hello\x01\x03\xff\xfe\x80"), false, uint8(3), uint8(0))
	f.Add([]byte("\x02\x02ab\x04\x01p\x02\x01c\x03\x01d\x05\x00\x06\x03bye"), true, uint8(1), uint8(0))
	f.Add([]byte("\x00\x14gopher gopher gopher\x02\x06gopher\x03\x0bher gopher g\x00\x06gopher"), true, uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, program []byte, client bool, cut, compression uint8) {
		sender := proto.NewSender(client)
		if compression > 0 { // of messages with so many octets or more, less 1; the last bit is takeover
			sender.Deflate(deflate.NewDeflater(8+int(compression)%8, compression%2 == 1, 5), int(compression/2))
		}
		var wire []byte
		var want []string
		var message []byte // of the open fragmented message
		for len(program) >= 2 {
			what, n := program[0]%7, min(int(program[1]), len(program)-2)
			payload := program[2 : 2+n]
			program = program[2+n:]
			before := bytes.Clone(payload)
			var err error
			switch what {
			case 0, 1: // a whole message
				op := frame.Text + frame.Opcode(what)
				if wire, err = sender.AppendMessage(wire, op, payload); err == nil {
					want = append(want, fmt.Sprintf("message %s %x", op, payload))
				}
			case 2, 3: // a fragment, 3: the last
				if wire, err = sender.AppendFragment(wire, frame.Binary, what == 3, payload); err == nil {
					message = append(message, payload...)
					if what == 3 {
						want = append(want, fmt.Sprintf("message binary %x", message))
						message = nil
					}
				}
			case 4:
				if sender.QueuePing(payload) == nil {
					wire = sender.AppendControl(wire)
					want = append(want, fmt.Sprintf("ping %x", payload))
				}
			case 5:
				if payload = payload[:min(n, frame.MaxControl)]; !sender.Closing() {
					sender.QueuePong(payload)
					wire = sender.AppendControl(wire)
					want = append(want, fmt.Sprintf("pong %x", payload))
				}
			case 6:
				if first, err := sender.QueueClose(4000, string(payload)); first && err == nil {
					wire = sender.AppendClose(wire)
					want = append(want, fmt.Sprintf("close 4000 %x", payload))
				}
			}
			if !bytes.Equal(before, payload) && what != 5 {
				t.Fatal("the sender changed the caller's octets")
			}
		}
		// The peer of a client is a server, and the other way round.
		r := newReading(&wstest.Script{Client: !client, ReadLimit: 1 << 20, Deflate: compression > 0})
		for len(wire) > 0 {
			n := min(int(cut)+1, len(wire))
			r.feed(wire[:n])
			wire = wire[n:]
		}
		if !slices.Equal(r.events, want) {
			t.Fatalf("read %q, sent %q", r.events, want)
		}
	})
}
