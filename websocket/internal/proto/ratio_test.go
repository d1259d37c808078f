package proto_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/wstest"
)

// A message goes beyond the ratio or does not, however its octets are cut and
// framed; and what it inflates to before it is refused is in proportion to them.
func TestRatio(t *testing.T) {
	const floor = 5000
	refused := 0
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(1, seed))
		var msg []byte
		for range 1 + r.IntN(8) { // what is compressible and what is not, in turn
			msg = append(msg, make([]byte, r.IntN(60_000))...)
			for range r.IntN(600) {
				msg = append(msg, byte(r.Uint32()))
			}
		}
		packed := deflate.NewDeflater(15, false, 5).Append(nil, msg)
		limits := proto.Limits{Ratio: 1 + r.Int64N(200), RatioFloor: floor}
		var wire []byte
		op, frames := byte(frame.Binary)|frame.RSV1, 1+r.IntN(3)
		for i := range frames {
			part := packed[len(packed)*i/frames : len(packed)*(i+1)/frames]
			h := frame.Header{Fin: i == frames-1, RSV: op & frame.RSV1, Opcode: frame.Opcode(op &^ frame.RSV1), Length: uint64(len(part))}
			wire, op = append(frame.AppendHeader(wire, h), part...), 0
		}
		s := &wstest.Script{Client: true, Deflate: true}
		whole := newReadingWithin(s, limits)
		whole.feed(wire)
		single := newReadingWithin(s, limits)
		for i := range wire {
			single.feed(wire[i : i+1])
		}
		pieces := newReadingWithin(s, limits)
		for rest := wire; len(rest) > 0; {
			n := min(1+r.IntN(3000), len(rest))
			pieces.feed(rest[:n])
			rest = rest[n:]
		}
		want := []string{fmt.Sprintf("message binary %x", msg)}
		if whole.err != nil {
			refused++
			want = []string{"fail 1009"}
			if whole.err != proto.ErrRatio || single.err != proto.ErrRatio || pieces.err != proto.ErrRatio {
				t.Fatalf("seed %d: %v, %v, %v", seed, whole.err, single.err, pieces.err)
			}
		} else if most := max(floor, limits.Ratio*int64(len(packed))); int64(len(msg)) > most {
			t.Fatalf("seed %d: %d octets inflate to %d, more than %d", seed, len(packed), len(msg), most)
		}
		for _, got := range [][]string{whole.events, single.events, pieces.events} {
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %.200q, want %.200q", seed, got, want)
			}
		}
		for _, r := range []*reading{whole, single, pieces} {
			if most := max(floor, limits.Ratio*int64(len(packed)+1<<10)); int64(len(r.message)) > most {
				t.Fatalf("seed %d: %d octets came out of %d", seed, len(r.message), len(packed))
			}
		}
	}
	if refused < 15 || refused > 65 {
		t.Errorf("%d of 80 messages refused", refused)
	}
}

// A size that is over before the ratio is tells its own reason, and the other way
// round; and what is wrong with the text before either is what counts.
func TestRatioAndOthers(t *testing.T) {
	zeros := deflate.NewDeflater(15, false, 5).Append(nil, make([]byte, 300_000))
	text := deflate.NewDeflater(15, false, 5).Append(nil, append(append(make([]byte, 40_000), 0xFF), make([]byte, 300_000)...))
	for _, c := range []struct {
		packed []byte
		limits proto.Limits
		want   *proto.Error
	}{
		{zeros, proto.Limits{MessageSize: 50_000, Ratio: 100, RatioFloor: 60_000}, proto.ErrMessageTooBig},
		{zeros, proto.Limits{MessageSize: 60_000, Ratio: 10, RatioFloor: 50_000}, proto.ErrRatio},
		{zeros, proto.Limits{Ratio: 10, RatioFloor: 50_000}, proto.ErrRatio},
		{zeros, proto.Limits{Ratio: 1 << 62, RatioFloor: 1}, nil},
		{zeros, proto.Limits{RatioFloor: 1}, nil},
		{text, proto.Limits{Ratio: 10, RatioFloor: 50_000}, proto.ErrText},
		{text, proto.Limits{Ratio: 10, RatioFloor: 40_000}, proto.ErrRatio},
		{text, proto.Limits{MessageSize: 40_000, RatioFloor: 1}, proto.ErrMessageTooBig},
	} {
		r := newReadingWithin(&wstest.Script{Client: true, Deflate: true}, c.limits)
		r.feed(append(frame.AppendHeader(nil, frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.Text, Length: uint64(len(c.packed))}), c.packed...))
		if c.want == nil && r.err != nil || c.want != nil && r.err != c.want {
			t.Errorf("%+v: %v, want %v", c.limits, r.err, c.want)
		}
	}
	if reason := proto.ErrRatio.Reason; len(reason) > proto.MaxCloseReason || !bytes.Contains([]byte(reason), []byte("MaxRatio")) {
		t.Error(reason)
	}
}
