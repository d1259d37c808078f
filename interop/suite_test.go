package interop

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func (e event) String() string {
	switch e.kind {
	case message, pong:
		d := e.data
		if len(d) > 40 {
			d = d[:40]
		}
		return fmt.Sprintf("%s of %d bytes %q (binary %t)", e.kind, len(e.data), d, e.binary)
	case closed:
		return fmt.Sprintf("close %d %q", e.code, e.reason)
	}
	return fmt.Sprintf("%s %q", e.kind, e.reason)
}

// sizes are the lengths on both sides of every length form of a frame, and one that fills many buffers.
var sizes = []int{0, 1, 125, 126, 65535, 65536, 1 << 20}

// text is valid UTF-8 of exactly n bytes, with characters of every length at every offset to the buffers' ends.
func text(n int) []byte {
	const piece = "aé€𝄞"
	b := []byte(strings.Repeat(piece, n/len(piece)))
	return append(b, strings.Repeat("z", n-len(b))...)
}

// octets is n bytes that are not UTF-8.
func octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(0xff - i*7)
	}
	return b
}

// run goes through every check for one pairing.
func run(t *testing.T, p pairing) {
	directions := []struct {
		name string
		pick func(ours, theirs end) (from, to end)
	}{
		{"ours to theirs", func(ours, theirs end) (end, end) { return ours, theirs }},
		{"theirs to ours", func(ours, theirs end) (end, end) { return theirs, ours }},
	}
	// both runs a check once in each direction, each time on a connection of its own.
	both := func(name string, check func(t *testing.T, from, to end)) {
		for _, d := range directions {
			t.Run(name+", "+d.name, func(t *testing.T) {
				if d.name == "theirs to ours" {
					p.need(t, name)
				}
				from, to := d.pick(p.open(t))
				check(t, from, to)
			})
		}
	}

	both("text", func(t *testing.T, from, to end) {
		for _, n := range sizes {
			exchange(t, from, to, false, text(n))
		}
	})
	both("binary", func(t *testing.T, from, to end) {
		for _, n := range sizes {
			exchange(t, from, to, true, octets(n))
		}
	})
	both("fragments", func(t *testing.T, from, to end) {
		exchange(t, from, to, true, octets(10), octets(200), octets(70_000))
		exchange(t, from, to, false, []byte("Grüße"), []byte(", "), []byte("世界 𝄞"))
		exchange(t, from, to, false, text(5_000), text(5_000), text(5_000))
	})
	both("ping", func(t *testing.T, from, to end) {
		if err := from.ping([]byte("are you there?")); err != nil {
			t.Fatal(err)
		}
		if ev := next(t, from); ev.kind != pong {
			t.Fatalf("got %s, want a pong", ev)
		}
		exchange(t, from, to, false, []byte("and on"))
	})
	both("burst", func(t *testing.T, from, to end) {
		const n = 1000
		sent := make(chan error, 1)
		go func() {
			for i := range n {
				if err := from.send(i%2 == 1, fmt.Appendf(nil, "message %d %s", i, text(i))); err != nil {
					sent <- fmt.Errorf("message %d: %w", i, err)
					return
				}
			}
			sent <- nil
		}()
		for i := range n {
			want(t, to, event{kind: message, binary: i%2 == 1, data: fmt.Appendf(nil, "message %d %s", i, text(i))})
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
	both("close with code and reason", func(t *testing.T, from, to end) {
		shut(t, p, from, to, 4321, "genug für heute")
	})
	both("normal close", func(t *testing.T, from, to end) {
		shut(t, p, from, to, 1000, "")
	})
	both("close after messages", func(t *testing.T, from, to end) {
		for i := range 10 {
			if err := from.send(false, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := from.close(1000, "done"); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			want(t, to, event{kind: message, data: fmt.Append(nil, i)})
		}
		want(t, to, event{kind: closed, code: 1000, reason: "done"})
	})
	t.Run("both at once", func(t *testing.T) {
		ours, theirs := p.open(t)
		const n = 200
		done := make(chan error, 2)
		for _, from := range []end{ours, theirs} {
			go func() {
				for i := range n {
					if err := from.send(true, octets(i*10)); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for _, to := range []end{ours, theirs} {
			for i := range n {
				want(t, to, event{kind: message, binary: true, data: octets(i * 10)})
			}
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("subprotocol", func(t *testing.T) {
		p.need(t, "subprotocol")
		ours, theirs := p.open(t, "first", "second")
		if ours.subprotocol() != "second" || theirs.subprotocol() != "second" {
			t.Errorf("ours has %q, theirs %q, want second", ours.subprotocol(), theirs.subprotocol())
		}
		exchange(t, ours, theirs, false, []byte("agreed"))
	})
}

// exchange sends one message and expects it whole at the other end.
func exchange(t *testing.T, from, to end, binary bool, fragments ...[]byte) {
	t.Helper()
	sent := make(chan error, 1) // a large message needs a reader before its sender is done
	go func() { sent <- from.send(binary, fragments...) }()
	want(t, to, event{kind: message, binary: binary, data: bytes.Join(fragments, nil)})
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// shut closes from one end; both ends report the same code, and the other end the reason.
func shut(t *testing.T, p pairing, from, to end, code int, reason string) {
	t.Helper()
	if err := from.close(code, reason); err != nil {
		t.Fatal(err)
	}
	want(t, to, event{kind: closed, code: code, reason: reason})
	if _, ours := from.(*ourEnd); !ours && p.cannot[answered] != "" {
		return
	}
	if ev := next(t, from); ev.kind != closed || ev.code != code {
		t.Fatalf("the end that closed reports %s, want code %d", ev, code)
	}
}
