package openline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Broker puts messages into one order. The hub checks what is published and gives it to the broker; the broker gives each message, with the ID and the Time
// that it has assigned, to the hub that it is attached to, which fans it out to its sessions.
//
// A broker in this process does both in one call. One that keeps its log elsewhere publishes there, waits for the acknowledgement, and delivers what the log sends back,
// on a goroutine of its own: what other nodes published comes the same way.
type Broker interface {
	// Attach is called once, by New. From then on, not before Attach has returned unless on another goroutine, the broker calls deliver for every message, in the one
	// order, one call at a time. deliver returns as soon as the
	// message has its place in each session's stream; it waits for nothing. Attach returns the cursor of what comes just
	// before the first message that will be delivered.
	//
	// A delivered message is the hub's: its Seq is higher than those before it, its ID is the cursor "epoch-Seq" with the broker's epoch, its Time is in UTC, and nothing in it changes.
	Attach(deliver func(m *Message) *Delivery) (cursor string)

	// Publish takes p, which is valid and whose slices the broker may keep, and returns when it is stored as the channel's rules say and the sessions of this node have
	// been served. A publication with the Key of an earlier one with the same From and Channel is not published again: its receipt is the earlier one's.
	// If ctx ends first, p may have been published nonetheless, and the receipt's ID says so if it is known.
	Publish(ctx context.Context, p *Publication) (Receipt, error)

	// Close ends the broker: a Publish that comes later returns ErrHubClosed, and deliver is not called again once Close has returned.
	Close() error
}

// A Placer is a Broker that publishes without waiting for anything.
type Placer interface {
	Broker

	// Place does what Publish does, but for waiting: the delivery tells when this node's sessions have been served, and the receipt is complete but for their number.
	Place(p *Publication) (Receipt, *Delivery, error)
}

// A Historian is a Broker that keeps messages for sessions that come back. What Publish has stored must be there for Page before it is delivered.
type Historian interface {
	Broker

	// Page returns messages of the channel whose Seq is above after, oldest first, without gaps between them; none says that there is nothing more now. How many come at once is the broker's choice, as long as they are a
	// small part of what the process may hold. The hub calls it where nothing may wait: a broker whose log is elsewhere answers from memory.
	//
	// lost is the highest Seq of the channel's messages that are gone, 0 if none are, and reason one of the Gap constants: a caller that asked for what comes after a lower one misses something.
	Page(channel string, after uint64) (messages []*Message, lost uint64, reason string)
}

// A Publication is a message on its way to the broker.
type Publication struct {
	Channel string // leave it empty for Hub.Send and Hub.Broadcast
	Type    string // default "message", or "raw" if Raw
	From    string // the user in whose name it is published, or ""
	Data    []byte // one JSON value, default null; if Raw, the payload. The caller's again when the call has returned
	Raw     bool   // Data is a payload and not JSON
	Binary  bool   // Raw, and binary: else it is text, and UTF-8

	// Key has 1–128 printable ASCII bytes: a second publication with it within the window is not published again. In a channel that keeps the latest (Namespace.Latest) it says of what this is
	// the latest instead. "" for none.
	Key string

	// Once, of the same form, keeps a second publication out in any channel; it goes before Key there. "" for none.
	Once string

	// Await has the call wait so long for the acknowledgement of a session that has received the message. Receipt.Acknowledged tells whether it came. 0: do not wait.
	Await time.Duration

	Rules *Namespace // what holds for Channel, for the broker; the hub fills it in
	Ack   bool       // Await is set, for the broker, which hands it on in the message; the hub fills it in
}

// A Receipt says what became of a publication.
type Receipt struct {
	ID        string // the message's
	Delivered int    // sessions whose queue took it
	Stored    bool   // it is in the channel's history
	Duplicate bool   // Key has been seen before: this is the earlier publication's receipt, and nothing was published

	Acknowledged bool // a session has acknowledged it within Publication.Await
}

// A Delivery is one message's way through the shards of a hub.
type Delivery struct {
	pending atomic.Int32
	reached atomic.Int64

	mu    sync.Mutex // guards the following
	over  bool
	done  chan struct{} // closed then; nil: nobody waits
	calls []func(int)
}

// nobody is the delivery of a message that no session of this hub waits for.
var nobody = &Delivery{over: true}

func newDelivery(shards int) *Delivery {
	d := &Delivery{}
	d.pending.Store(int32(shards))
	return d
}

// finish is called by each shard once, with the number of sessions it has served.
func (d *Delivery) finish(sessions int) {
	d.reached.Add(int64(sessions))
	if d.pending.Add(-1) > 0 {
		return
	}
	d.mu.Lock()
	d.over = true
	if d.done != nil {
		close(d.done)
	}
	calls := d.calls
	d.calls = nil
	d.mu.Unlock()
	for _, call := range calls {
		call(int(d.reached.Load()))
	}
}

// Then has call called with the number of sessions whose queue took the message, when all have been asked: at once, or later on a shard, where nothing may wait.
func (d *Delivery) Then(call func(sessions int)) {
	d.mu.Lock()
	if !d.over {
		d.calls = append(d.calls, call)
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	call(int(d.reached.Load()))
}

// Wait returns the number of sessions whose queue took the message, when all have been asked. If ctx ends first, it returns the number so far and the context's error.
func (d *Delivery) Wait(ctx context.Context) (int, error) {
	d.mu.Lock()
	if d.over {
		d.mu.Unlock()
		return int(d.reached.Load()), nil
	}
	if d.done == nil {
		d.done = make(chan struct{})
	}
	done := d.done
	d.mu.Unlock()
	select {
	case <-done:
		return int(d.reached.Load()), nil
	case <-ctx.Done():
		return int(d.reached.Load()), context.Cause(ctx)
	}
}
