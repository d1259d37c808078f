package openline

import (
	"context"
	"crypto/rand"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Hub. Nil is valid; each field's zero value is its default.
type Options struct {
	Node          string               // this node's name, which sys:open tells; default: a random word
	Runners       []Runner             // the shards' runners, one each, such as the loops that drive the sessions' connections; default: goroutines
	Shards        int                  // groups over which sessions are spread, where there are no Runners; default GOMAXPROCS
	ShardQueue    int                  // hand-overs that may wait for one shard before publishers wait; default 1,024
	Broker        Broker               // the one order; default NewMemoryBroker(nil). The hub closes it
	Logger        *slog.Logger         // default slog.Default()
	MaxData       int                  // bytes of one message's data; default 1 MiB less 4 KiB for the envelope; negative: no bound
	MaxChannels   int                  // channels one session may subscribe to, beside its inbox and everyone's; default 256; negative: no bound
	Namespaces    map[string]Namespace // rules of channels by the part of their names before the first colon; see DefaultNamespace and its like. New panics if CheckNamespaces has an error
	PresenceGrace time.Duration        // how long a user whose last session has left a channel still counts as present, so that a quick reconnect neither leaves nor joins; default 5 s; negative: not at all
	DrainSpread   time.Duration        // Shutdown tells the sessions to come back spread over this time; default 5 s; negative: at once

	// Authorize is asked before a client subscribes, publishes or sends: action is one of the Action constants, target the channel, or for ActionSend the user.
	// Nil allows everything. An *Error goes to the client as it is, any other error as "forbidden", with its text in the log only.
	// It runs on the goroutine that called Open or Receive, and may be called concurrently.
	Authorize func(s *Session, action, target string) error

	// OnOpen is called before a session begins, on the goroutine that called Open. An error refuses it: Open returns it. Session.Subscribe adds to the channels
	// it begins with; what Session.Send sends follows sys:open.
	OnOpen func(ctx context.Context, s *Session) error

	// OnMessage is called for each client envelope whose type is the application's own, on the goroutine that called Receive. Answer with Request.Reply. If it
	// returns nil without having done so and the request has a ref, the client gets a sys:ok without data. An *Error goes to the client as sys:error (and closes the
	// session, if its Close says so); any other error as "internal", with its text for OnError and the log. Nil: such envelopes are answered with "unknown_type".
	OnMessage func(ctx context.Context, s *Session, r *Request) error

	// OnClose is called once for each session whose OnOpen returned nil, on the goroutine that called Session.Closed (or Open, if the session never began).
	OnClose func(s *Session, why CloseReason)

	// OnError is told of what goes wrong in one session and has no caller to return to: bad requests (an *Error), a slow consumer (ErrSlow), a panic in another hook.
	// It runs on the goroutine where that happened, or for a slow consumer on one of its own. s is nil if there is none.
	OnError func(s *Session, err error)
}

// Actions that Options.Authorize is asked about.
const (
	ActionSubscribe = "subscribe"
	ActionPublish   = "publish"
	ActionSend      = "send"
)

// A Hub holds the sessions of one node and carries messages between them. Create it with [New]; end it with Shutdown. Its methods may be called from any goroutine
// and from any hook, but for Shutdown, which waits for the hooks. A Line's Send and Close, and what a Runner runs, must not call them: they may wait for that runner.
type Hub struct {
	o        Options // resolved, not changed
	log      *slog.Logger
	broker   Broker
	shards   []*shard
	sessions registry
	trackers trackers
	crowds   *crowds

	namespaces *namespaces
	historian  Historian // the broker, if it is one
	epoch      string    // of the broker's order

	// order makes one order of deliveries, subscriptions and openings: each is put into its shards' queues while it is held, which waits for nothing. A shard never takes it.
	order  sync.Mutex
	topics map[string]*topic // guarded by order
	place  uint64            // the Seq of the latest delivery; guarded by order
	closed bool              // nothing is put into the shards' queues any more; guarded by order

	draining atomic.Bool
	ended    chan struct{} // closed when Shutdown has ended

	liveMu sync.Mutex
	live   int           // openings, sessions whose Closed has not been called, and removals under way; guarded by liveMu
	idle   chan struct{} // made by Shutdown, closed when live is 0; guarded by liveMu
}

// New returns a hub.
func New(o *Options) *Hub {
	h := &Hub{topics: map[string]*topic{}, ended: make(chan struct{})}
	if o != nil {
		h.o = *o
	}
	if h.o.Node == "" {
		h.o.Node = strings.ToLower(rand.Text()[:8])
	}
	if h.o.Shards <= 0 {
		h.o.Shards = runtime.GOMAXPROCS(0)
	}
	if h.o.ShardQueue <= 0 {
		h.o.ShardQueue = 1024
	}
	if h.o.Broker == nil {
		h.o.Broker = NewMemoryBroker(nil)
	}
	if h.o.Logger == nil {
		h.o.Logger = slog.Default()
	}
	if h.o.MaxData == 0 {
		h.o.MaxData = 1<<20 - 4<<10
	}
	if h.o.MaxChannels == 0 {
		h.o.MaxChannels = 256
	}
	if h.o.DrainSpread == 0 {
		h.o.DrainSpread = 5 * time.Second
	}
	if err := CheckNamespaces(h.o.Namespaces); err != nil {
		panic(err)
	}
	h.namespaces = newNamespaces(h.o.Namespaces)
	h.crowds = newCrowds(h, h.o.PresenceGrace)
	h.log, h.broker = h.o.Logger, h.o.Broker
	h.historian, _ = h.broker.(Historian)
	runners := h.o.Runners
	if len(runners) == 0 {
		runners = make([]Runner, h.o.Shards)
	}
	for _, r := range runners {
		s := &shard{runner: r, room: h.o.ShardQueue, historian: h.historian}
		s.work = s.turn
		h.shards = append(h.shards, s)
	}
	h.order.Lock() // what another goroutine of the broker delivers at once waits for the first cursor
	defer h.order.Unlock()
	epoch, place, e := parseCursor(h.broker.Attach(h.deliver))
	if e != nil {
		panic("openline: the broker's cursor has not the form epoch-sequence: " + e.Message)
	}
	h.epoch, h.place = epoch, place
	return h
}

// Node returns the node's name.
func (h *Hub) Node() string { return h.o.Node }

// deliver puts m into the queues of the shards with subscribers. The broker calls it in the one order.
func (h *Hub) deliver(m *Message) *Delivery {
	h.order.Lock()
	defer h.order.Unlock()
	if h.closed {
		return nobody
	}
	h.place = m.Seq
	if m.Ack {
		h.trackers.add(m)
	}
	t := h.topics[m.Channel]
	if t == nil {
		return nobody
	}
	shards := 0
	for p := t.first; p != nil; p = p.next {
		shards++
	}
	d := newDelivery(shards)
	for p := t.first; p != nil; p = p.next {
		p.shard.put(handover{do: deliver, part: p, message: m, delivery: d})
	}
	return d
}

// begin counts something that Shutdown waits for; finish ends it.
func (h *Hub) begin() {
	h.liveMu.Lock()
	h.live++
	h.liveMu.Unlock()
}

func (h *Hub) finish() {
	h.liveMu.Lock()
	h.live--
	h.settle()
	h.liveMu.Unlock()
}

// settle closes idle when there is nothing left to wait for. liveMu is held.
func (h *Hub) settle() {
	if h.live == 0 && h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
}
