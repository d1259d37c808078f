package openline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The model: a hub whose shards work when the test says so, clients that come, go and lag at random, and the list of what was published. Whatever happens, a client that keeps to the rules of cursors
// has had everything that it was to have, once and in order, or has been told what it has not.

type modelWorld struct {
	t       testing.TB
	random  *rand.Rand
	options Options
	memory  MemoryOptions
	hub     *Hub
	runners []*modelRunner
	log     []modelMessage // of the epoch, in order
	past    []string       // cursors, also of epochs that are over
	clients []*modelClient
	ops     int
	steps   []string // what has happened, for who looks into a failure
}

var modelChannels = []string{"a", "b", "few:1", "few:2", "none:1", "old:1", "drop:1", "drop:2", "dropnone:1", "late:1", "late:2", "new:1", "pos:1", "quotes:1", "room:1"}

// modelNamespaces returns namespaces of all kinds, as large as random says.
func modelNamespaces(random *rand.Rand) map[string]Namespace {
	size := func() int { return 1 + random.IntN(1+random.IntN(60)) }
	slow := func() SlowPolicy { return SlowPolicy(random.IntN(3)) }
	return map[string]Namespace{
		DefaultNamespace:  {History: History{Size: -1}},
		"few":             {History: History{Size: size()}},
		"none":            {History: History{None: true}},
		"old":             {History: History{Age: 5 * time.Second}},
		"drop":            {History: History{Size: size()}, Slow: DropOldest},
		"dropnone":        {History: History{None: true}, Slow: DropOldest},
		"late":            {Latest: true, Slow: slow()},
		"new":             {Slow: Newest},
		"pos":             {MaxRate: 4, Slow: slow()},
		"quotes":          {MaxRate: 4, Latest: true, Slow: slow()},
		"room":            {JoinLeave: true, Slow: SlowPolicy(random.IntN(2))},
		InboxNamespace:    {History: History{Size: 20}, Slow: SlowPolicy(random.IntN(2))},
		EveryoneNamespace: {Slow: SlowPolicy(random.IntN(2))},
	}
}

// rulesOf returns what holds for the channel.
func (w *modelWorld) rulesOf(channel string) *Namespace { return w.hub.namespaces.of(channel) }

// plain reports whether the channel's messages come all and in order, but for gaps.
func (w *modelWorld) plain(channel string) bool {
	r := w.rulesOf(channel)
	return !r.Latest && r.MaxRate == 0 && r.Slow != Newest
}

func (w *modelWorld) note(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
}

func (w *modelWorld) fail(format string, args ...any) {
	w.t.Helper()
	if n := len(w.steps); n > 150 {
		w.steps = w.steps[n-150:]
	}
	w.t.Fatalf("%s\nop %d, after:\n%s", fmt.Sprintf(format, args...), w.ops, strings.Join(w.steps, "\n"))
}

// start begins a hub with the broker, or with a new one.
func (w *modelWorld) start(b *MemoryBroker) {
	if b == nil {
		b = NewMemoryBroker(&w.memory)
		w.log = nil
		for _, c := range w.clients {
			c.have, c.cover, c.gaps = map[modelMessage]bool{}, map[string]uint64{}, nil
		}
	}
	w.runners = nil
	o := w.options
	for range 1 + w.random.IntN(3) {
		r := &modelRunner{}
		w.runners = append(w.runners, r)
		o.Runners = append(o.Runners, r)
	}
	o.Broker = b
	w.hub = New(&o)
}

// stop ends the hub, whose sessions are cut off: before it ends, while it does, or when it has.
func (w *modelWorld) stop() {
	w.past = append(w.past, w.hub.cursorAt(w.place()))
	when := w.random.IntN(3)
	cut := func() {
		for _, c := range w.clients {
			c.cut()
		}
	}
	if when == 0 {
		cut()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if when == 2 {
		cancel()
	}
	done := make(chan error)
	go func() { done <- w.hub.Shutdown(ctx) }()
	for n := range 10000 {
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil && when < 2 {
				w.fail("shutdown: %v", err)
			}
			cut()
			w.pump()
			return
		default:
		}
		w.pump()
		if when == 1 && n > w.random.IntN(10) {
			cut()
		}
	}
	w.fail("the hub does not end")
}

func (w *modelWorld) place() uint64 {
	w.hub.order.Lock()
	defer w.hub.order.Unlock()
	return w.hub.place
}

// pump has the shards do all that there is, in a random order, and reports whether there was something.
func (w *modelWorld) pump() (some bool) {
	for range 100000 {
		synctest.Wait()
		k, any := w.random.IntN(len(w.runners)), false
		for i := range w.runners {
			if any = w.runners[(k+i)%len(w.runners)].run(); any {
				break
			}
		}
		if !any {
			return some
		}
		some = true
	}
	w.fail("the shards do not come to an end")
	return
}

func (w *modelWorld) publish(channel string) {
	p := Publication{Channel: channel, Data: []byte(`"` + strings.Repeat("x", w.random.IntN(40)) + `"`)}
	if w.rulesOf(channel).Latest {
		p.Key = string('a' + rune(w.random.IntN(6)))
	}
	here := map[*Session]bool{}
	m := modelMessage{channel: channel, key: p.Key}
	try := w.hub.TryPublish
	switch w.random.IntN(12) {
	case 0:
		m.channel, m.key, p.Key = everyone, "", ""
		try = w.hub.TryBroadcast
	case 1, 2:
		user := w.clients[w.random.IntN(len(w.clients))].user
		m.channel, m.key, p.Key = inbox(user), "", ""
		try = func(p Publication, then func(Receipt, error)) bool { return w.hub.TrySend(user, p, then) }
	}
	w.hub.order.Lock()
	if t := w.hub.topics[m.channel]; t != nil {
		for _, c := range w.clients {
			if l := c.line; l != nil && slices.ContainsFunc(l.session.parts, func(p *part) bool { return p.topic == t }) {
				here[l.session] = true
			}
		}
	}
	w.hub.order.Unlock()
	ok := try(p, func(r Receipt, err error) {
		least := 0
		for s := range here {
			if !s.ended() {
				least++
			}
		}
		if err != nil || r.Delivered > len(here) || r.Delivered < least {
			w.fail("%+v delivered to %d, %v; want %d to %d", m, r.Delivered, err, least, len(here))
		}
	})
	if !ok {
		w.fail("there is no room")
	}
	m.seq = w.place()
	w.log = append(w.log, m)
	w.note("publish %s%s %d", m.channel, m.key, m.seq)
}

// restart begins a new hub, which may know what the old one knew.
func (w *modelWorld) restart() {
	w.note("restart")
	w.stop()
	if w.random.IntN(3) == 0 {
		time.Sleep(time.Second) // two brokers of one millisecond may have one epoch
		w.start(nil)
		return
	}
	var state bytes.Buffer
	if err := w.hub.broker.(*MemoryBroker).Save(&state); err != nil {
		w.fail("%v", err)
	}
	b, err := LoadMemoryBroker(&state, &w.memory)
	if err != nil {
		w.fail("%v", err)
	}
	w.start(b)
}

// act does one thing at random.
func (w *modelWorld) act() {
	w.ops++
	c := w.clients[w.random.IntN(len(w.clients))]
	switch n := w.random.IntN(1000); {
	case n < 400:
		w.publish(modelChannels[w.random.IntN(len(modelChannels))])
	case n == 400: // more than is held
		for range maxHeld + 20 {
			w.publish("dropnone:1")
		}
	case n < 650:
		if w.runners[w.random.IntN(len(w.runners))].run() {
			w.note("run")
		}
	case n < 850:
		c.take(1 + w.random.IntN(10))
	case n < 900:
		if c.line == nil {
			c.open()
		}
	case n < 930:
		c.request()
	case n < 955:
		c.cut()
	case n < 990:
		time.Sleep(time.Duration(w.random.IntN(400)) * time.Millisecond)
	case n < 997:
		w.quiesce()
	default:
		w.restart()
	}
	synctest.Wait()
	w.bounds()
}

// bounds checks what is kept for sessions that are behind.
func (w *modelWorld) bounds() {
	for _, s := range w.hub.shards {
		for _, b := range s.replays {
			held := 0
			for _, t := range b.tracks {
				if t.held == nil {
					continue
				}
				bytes := 0
				for _, m := range t.held.messages {
					bytes += len(m.Data)
				}
				if bytes != t.held.bytes || len(t.held.messages) > maxHeld {
					w.fail("%d messages of %d bytes are held, counted as %d", len(t.held.messages), bytes, t.held.bytes)
				}
				held += bytes
			}
			if held != b.held {
				w.fail("%d bytes are held, counted as %d", held, b.held)
			}
		}
		if len(s.replays) == 0 && s.pages.topics != nil {
			w.fail("pages are kept for nobody")
		}
	}
	if n := len(w.hub.trackers.oldest); n > maxTrackers {
		w.fail("%d trackers", n)
	}
}

// quiesce lets everybody come to where everybody is, and compares.
func (w *modelWorld) quiesce() {
	w.note("quiesce")
	for still := 0; still < 3; {
		some := w.pump()
		for _, c := range w.clients {
			if c.line == nil {
				c.open()
				some = true
			}
			some = c.take(1<<20) || some
		}
		if some {
			still = 0
			continue
		}
		still++
		time.Sleep(defaultGrace + time.Second)
	}
	for _, c := range w.clients {
		c.check()
	}
	for i, s := range w.hub.shards {
		if len(s.replays)+len(s.queue)+len(s.ready)+len(s.due)+len(s.taken)-s.next > 0 || s.working || s.pages.topics != nil {
			w.fail("shard %d is not idle", i)
		}
	}
	present := map[string][]string{}
	subscribed := 0
	for _, c := range w.clients {
		for _, p := range c.line.session.parts {
			subscribed++
			if p.pacing == nil {
				continue
			}
			if c := p.pacing.sessions[c.line.session]; c != nil && len(c.held.messages) > 0 {
				w.fail("something is held back in %s", p.topic.name)
			}
		}
		if c.line.session.behind != nil {
			w.fail("%s is behind", c.user)
		}
		if slices.Contains(c.channels, "room:1") && !slices.Contains(present["room:1"], c.user) {
			present["room:1"] = append(present["room:1"], c.user)
		}
	}
	total := 0
	for _, t := range w.hub.topics {
		for p := t.first; p != nil; p = p.next {
			total += len(p.sessions)
			if p.count != len(p.sessions) {
				w.fail("%s has %d sessions, counted as %d", t.name, len(p.sessions), p.count)
			}
		}
	}
	if total != subscribed {
		w.fail("%d subscriptions in the channels, %d in the sessions", total, subscribed)
	}
	members, _, err := w.hub.Presence("room:1")
	var users []string
	for _, m := range members {
		users = append(users, m.User)
	}
	slices.Sort(users)
	slices.Sort(present["room:1"])
	if err != nil || !slices.Equal(users, present["room:1"]) {
		w.fail("present are %v, %v; want %v", users, err, present["room:1"])
	}
}

// runModel does so many things at random.
func runModel(t testing.TB, seed uint64, ops int) {
	w := &modelWorld{t: t, random: rand.New(rand.NewPCG(seed, 5))}
	w.options = Options{Namespaces: modelNamespaces(w.random), DrainSpread: -1, ShardQueue: 1 << 30, Logger: slog.New(slog.DiscardHandler)}
	if w.random.IntN(3) == 0 {
		w.memory.Budget = 20000 + w.random.IntN(200000)
	}
	w.start(nil)
	for i := range 2 + w.random.IntN(4) {
		w.clients = append(w.clients, newModelClient(w, "user"+strconv.Itoa(i%3)))
	}
	w.clients = append(w.clients, newWatcher(w))
	for range ops {
		w.act()
	}
	w.quiesce()
	w.stop()
}

func TestReplayModel(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runModel(t, seed, 700) })
		})
	}
}

func FuzzReplayModel(f *testing.F) {
	f.Add(uint64(1), uint16(1000))
	f.Fuzz(func(t *testing.T, seed uint64, ops uint16) {
		synctest.Test(t, func(t *testing.T) { runModel(t, seed, int(ops)%5000) })
	})
}
