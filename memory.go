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
	MaxKeys   int           // keys remembered at once, the oldest are forgotten first; default 65,536
}

// A MemoryBroker is the order of one process: nothing is stored, and nothing outlives it.
type MemoryBroker struct {
	window  time.Duration
	maxKeys int
	epoch   string // of this broker, followed by a hyphen

	mu       sync.Mutex // the one order
	deliver  func(*Message) *Delivery
	sequence uint64
	last     time.Time // of the latest message: times never go back
	closed   bool
	keys     map[key]keyed
	order    []key // of keys, oldest first, from head
	head     int
}

// key is the scope of a publication's key: one publisher's key does not hide another's message.
type key struct{ from, channel, key string }

type keyed struct {
	id       string
	delivery *Delivery
	at       time.Time
}

// NewMemoryBroker returns a broker that keeps its order in memory.
func NewMemoryBroker(o *MemoryOptions) *MemoryBroker {
	if o == nil {
		o = &MemoryOptions{}
	}
	b := &MemoryBroker{window: o.KeyWindow, maxKeys: o.MaxKeys, keys: map[key]keyed{}}
	if b.window == 0 {
		b.window = 2 * time.Minute
	}
	if b.maxKeys <= 0 {
		b.maxKeys = 65536
	}
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
	id, d, duplicate, err := b.place(p)
	if err != nil {
		return Receipt{}, err
	}
	n, err := d.Wait(ctx)
	return Receipt{ID: id, Delivered: n, Duplicate: duplicate}, err
}

// place gives p its place in the order and hands it to the hub, unless its key has been seen.
func (b *MemoryBroker) place(p *Publication) (id string, d *Delivery, duplicate bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return "", nil, false, ErrHubClosed
	}
	now := time.Now()
	var k key
	if p.Key != "" && b.window > 0 {
		k = key{p.From, p.Channel, p.Key}
		b.forget(now, b.maxKeys)
		if seen, ok := b.keys[k]; ok {
			return seen.id, seen.delivery, true, nil
		}
	}
	if at := now.UTC().Round(0); at.After(b.last) { // the wall clock may step back, times do not
		b.last = at
	}
	b.sequence++
	id = b.epoch + strconv.FormatUint(b.sequence, 10)
	d = b.deliver(&Message{
		ID: id, Type: p.Type, Channel: p.Channel, From: p.From, Data: p.Data, Time: b.last, Raw: p.Raw, Binary: p.Binary,
	})
	if k.key != "" {
		b.forget(now, b.maxKeys-1)
		b.keys[k] = keyed{id, d, now}
		b.order = append(b.order, k)
	}
	return id, d, false, nil
}

// forget drops the keys whose window is over, and the oldest beyond most. mu is held.
func (b *MemoryBroker) forget(now time.Time, most int) {
	for b.head < len(b.order) {
		k := b.order[b.head]
		if len(b.keys) <= most && now.Sub(b.keys[k].at) < b.window {
			break
		}
		delete(b.keys, k)
		b.order[b.head] = key{}
		b.head++
	}
	if b.head > len(b.order)/2 {
		n := copy(b.order, b.order[b.head:])
		clear(b.order[n:])
		b.order, b.head = b.order[:n], 0
	}
}

// Close implements Broker.
func (b *MemoryBroker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
