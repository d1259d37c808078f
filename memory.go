package openline

import (
	"cmp"
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
	"weak"
)

// MemoryOptions configure a MemoryBroker; nil is valid.
type MemoryOptions struct {
	KeyWindow time.Duration // how long a publication's key keeps a second one out; default 2 minutes, negative: keys are ignored
	MaxKeys   int           // keys remembered at once, the oldest are forgotten first, the backend's and the clients' apart; default 65,536 of each
	UserKeys  int           // keys of one user's remembered at once, so that nobody makes the others' forgotten; default 4,096
	Budget    int           // bytes of all channels' histories, the oldest messages go first; default 256 MiB, negative: no bound but the channels' own
}

// A MemoryBroker is the order of one process, and its channels' histories: nothing outlives it.
type MemoryBroker struct {
	window time.Duration
	epoch  string // of this broker, followed by a hyphen

	mu       sync.Mutex // the one order
	deliver  func(*Message) *Delivery
	sequence uint64
	last     time.Time // of the latest message: times never go back
	closed   bool
	backend  keys // of publications that no user made
	users    keys
	store    *store
	sweep    *time.Timer // for what is too old in store
	sweeping time.Time   // when it is set for; zero: it is not
}

const defaultBudget = 256 << 20

// NewMemoryBroker returns a broker that keeps its order and its histories in memory.
func NewMemoryBroker(o *MemoryOptions) *MemoryBroker {
	if o == nil {
		o = &MemoryOptions{}
	}
	b := &MemoryBroker{window: o.KeyWindow}
	if b.window == 0 {
		b.window = 2 * time.Minute
	}
	most, each := o.MaxKeys, o.UserKeys
	if most <= 0 {
		most = 65536
	}
	if each <= 0 {
		each = 4096
	}
	b.store = newStore(max(cmp.Or(o.Budget, defaultBudget), 0))
	b.backend = newKeys(most, most)
	b.users = newKeys(most, min(each, most))
	// The epoch is later than that of an earlier process, and differs from that of a broker made in the same millisecond.
	b.epoch = strconv.FormatInt(time.Now().UnixMilli()<<8|rand.Int64N(256), 36) + "-"
	return b
}

// Attach implements Broker. It panics if the broker has a hub already.
func (b *MemoryBroker) Attach(deliver func(m *Message) *Delivery) (cursor string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deliver != nil {
		panic("openline: a MemoryBroker is attached to one hub only")
	}
	b.deliver = deliver
	return b.idOf(b.sequence)
}

// Publish implements Broker.
func (b *MemoryBroker) Publish(ctx context.Context, p *Publication) (Receipt, error) {
	r, d, err := b.Place(p)
	if err != nil {
		return Receipt{}, err
	}
	r.Delivered, err = d.Wait(ctx)
	return r, err
}

// Place implements Placer: it gives p its place in the order and hands it to the hub, unless its key has been seen.
func (b *MemoryBroker) Place(p *Publication) (Receipt, *Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return Receipt{}, nil, ErrHubClosed
	}
	now := time.Now()
	var seen *keys
	rules := p.Rules
	if rules == nil {
		rules = defaultRules
	}
	k := key{p.From, p.Channel, p.Once}
	if k.key == "" && !rules.Latest {
		k.key = p.Key
	}
	if k.key != "" && b.window > 0 {
		if seen = &b.backend; p.From != "" {
			seen = &b.users
		}
		seen.expire(now.Add(-b.window))
		if first, ok := seen.find(k); ok {
			return Receipt{ID: first.id, Stored: first.stored, Duplicate: true}, first.delivery, nil
		}
	}
	if at := now.UTC().Round(0); at.After(b.last) { // the wall clock may step back, times do not
		b.last = at
	}
	b.sequence++
	id := b.idOf(b.sequence)
	m := &Message{
		ID: id, Seq: b.sequence, Type: p.Type, Channel: p.Channel, From: p.From, Data: p.Data, Time: b.last, Raw: p.Raw, Binary: p.Binary, Ack: p.Ack,
	}
	if rules.Latest {
		m.Key = cloneName(p.Key)
	}
	stored := b.keep(m, rules, now)
	d := b.deliver(m)
	if seen != nil {
		k.channel, k.key, k.from = cloneName(k.channel), cloneName(k.key), cloneName(k.from) // they may have been cut from a whole request
		seen.add(k, keyed{id, stored, d, now})
	}
	return Receipt{ID: id, Stored: stored}, d, nil
}

func (b *MemoryBroker) idOf(seq uint64) string { return b.epoch + strconv.FormatUint(seq, 10) }

// defaultRules hold for a publication that brings none.
var defaultRules = newNamespaces(nil).other

// keep stores m, unless it is the hub's own word on who comes and goes: that is of no use later. mu is held.
func (b *MemoryBroker) keep(m *Message, rules *Namespace, now time.Time) bool {
	if isSystem(m.Type) {
		return false
	}
	stored := b.store.add(m, rules)
	if at := now.Add(rules.History.Age); stored && rules.History.Age > 0 && (b.sweeping.IsZero() || at.Before(b.sweeping)) {
		b.sweepAt(at, now)
	}
	return stored
}

// sweepEvery is how often the store is looked through at most.
const sweepEvery = time.Second

// sweepAt has what is too old thrown away at a time. mu is held.
func (b *MemoryBroker) sweepAt(at, now time.Time) {
	b.sweeping = now.Add(max(at.Sub(now), sweepEvery))
	if b.sweep == nil {
		// The timer does not keep a broker that nobody has any more, nor is it stopped: a timer belongs to whoever
		// made it, which matters inside a bubble of package synctest.
		itself := weak.Make(b)
		b.sweep = time.AfterFunc(b.sweeping.Sub(now), func() {
			if b := itself.Value(); b != nil {
				b.expire()
			}
		})
		return
	}
	b.sweep.Reset(b.sweeping.Sub(now))
}

func (b *MemoryBroker) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweeping = time.Time{}
	if b.closed {
		return
	}
	now := time.Now()
	if next := b.store.expire(now); !next.IsZero() {
		b.sweepAt(next, now)
	}
}

// Page implements Historian.
func (b *MemoryBroker) Page(channel string, after uint64) (messages []*Message, lost uint64, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.store.page(channel, after)
}

// Close implements Broker. What has been kept is there for Save.
func (b *MemoryBroker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
