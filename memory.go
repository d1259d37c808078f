package openline

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// MemoryOptions configure a MemoryBroker; nil is valid.
type MemoryOptions struct {
	KeyWindow time.Duration // how long a publication's key keeps a second one out; default 2 minutes, negative: keys are ignored
	MaxKeys   int           // keys remembered at once, the oldest are forgotten first, the backend's and the clients' apart; default 65,536 of each
	UserKeys  int           // keys of one user's remembered at once, so that nobody makes the others' forgotten; default 4,096
}

// A MemoryBroker is the order of one process: nothing is stored, and nothing outlives it.
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
}

// NewMemoryBroker returns a broker that keeps its order in memory.
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
	return b.epoch + "0"
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
	k := key{p.From, p.Channel, p.Key}
	if p.Key != "" && b.window > 0 {
		if seen = &b.backend; p.From != "" {
			seen = &b.users
		}
		seen.expire(now.Add(-b.window))
		if first, ok := seen.find(k); ok {
			return Receipt{ID: first.id, Duplicate: true}, first.delivery, nil
		}
	}
	if at := now.UTC().Round(0); at.After(b.last) { // the wall clock may step back, times do not
		b.last = at
	}
	b.sequence++
	id := b.epoch + strconv.FormatUint(b.sequence, 10)
	d := b.deliver(&Message{
		ID: id, Type: p.Type, Channel: p.Channel, From: p.From, Data: p.Data, Time: b.last, Raw: p.Raw, Binary: p.Binary,
	})
	if seen != nil {
		k.channel, k.key, k.from = cloneName(k.channel), cloneName(k.key), cloneName(k.from) // they may have been cut from a whole request
		seen.add(k, keyed{id, d, now})
	}
	return Receipt{ID: id}, d, nil
}

// Close implements Broker.
func (b *MemoryBroker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
