package interop

import (
	"testing"
	"time"
)

// guard keeps a test that hangs from hanging for ever. Nothing is measured against it.
const guard = 30 * time.Second

// end is one end of an open connection, ours or a peer's.
type end interface {
	subprotocol() string
	// send sends one message in as many frames as there are fragments.
	send(binary bool, fragments ...[]byte) error
	// ping sends a Ping; its Pong arrives as an event.
	ping(data []byte) error
	// close starts the closing handshake; its end arrives as an event at both ends.
	close(code int, reason string) error
	// events is what arrives, in order. A close is the last.
	events() <-chan event
	// drop lets go of the connection and waits for what it holds.
	drop()
}

type kind string

const (
	message kind = "message"
	pong    kind = "pong"
	closed  kind = "close"
	failure kind = "error"
)

type event struct {
	kind   kind
	binary bool
	data   []byte // of a message or a pong
	code   int    // of a close
	reason string // of a close; what went wrong for a failure
}

// pairing opens a connection between two ends.
type pairing struct {
	name string
	open func(t *testing.T, subprotocols ...string) (ours, theirs end)
	// cannot names what the peer's interface has no means for, and why.
	cannot map[string]string
}

// answered, in cannot, says that an end which has sent a Close does not learn how it was answered.
const answered = "hears the answer to its Close"

// need ends the test as skipped when the peer cannot do what.
func (p pairing) need(t *testing.T, what string) {
	t.Helper()
	if why := p.cannot[what]; why != "" {
		t.Skipf("%s: %s", p.name, why)
	}
}

// queue is what the ends below put their events into: it never blocks the reader of a burst.
type queue chan event

func newQueue() queue                    { return make(queue, 4096) }
func (q queue) events() <-chan event     { return q }
func (q queue) message(b bool, d []byte) { q <- event{kind: message, binary: b, data: d} }

// next is the next event at e.
func next(t *testing.T, e end) event {
	t.Helper()
	select {
	case ev := <-e.events():
		return ev
	case <-time.After(guard):
		t.Fatal("nothing arrived")
		return event{}
	}
}

// want fails the test unless the next event at e is ev.
func want(t *testing.T, e end, ev event) {
	t.Helper()
	got := next(t, e)
	if got.kind != ev.kind || got.binary != ev.binary || string(got.data) != string(ev.data) || got.code != ev.code || ev.kind == closed && got.reason != ev.reason {
		t.Fatalf("got %s, want %s", got, ev)
	}
}
