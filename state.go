package openline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The state of a MemoryBroker is JSON, a value a line: stateHead, a stateRing for each channel, a stateMessage for each message in the one order, a stateKey for each key, and a stateEnd.

const (
	stateFormat  = "openline memory broker 1"
	stateMaxLine = 1 << 30
)

type stateHead struct {
	Format    string    `json:"format"`
	Epoch     string    `json:"epoch"`
	Sequence  uint64    `json:"sequence"`
	Last      time.Time `json:"last"`
	Forgotten uint64    `json:"forgotten,omitempty"`
	Rings     int       `json:"rings"`
	Messages  int       `json:"messages"`
	Keys      int       `json:"keys"`
}

type stateRing struct {
	Channel string  `json:"channel"`
	History History `json:"history"`
	Latest  bool    `json:"latest,omitempty"`
	Lost    uint64  `json:"lost,omitempty"`
	Reason  string  `json:"reason,omitempty"`
}

type stateMessage struct {
	Seq     uint64    `json:"seq"`
	Channel string    `json:"channel"`
	Type    string    `json:"type"`
	From    string    `json:"from,omitempty"`
	Key     string    `json:"key,omitempty"`
	Time    time.Time `json:"time"`
	Raw     bool      `json:"raw,omitempty"`
	Binary  bool      `json:"binary,omitempty"`
	Data    []byte    `json:"data"`
}

type stateKey struct {
	From    string    `json:"from,omitempty"`
	Channel string    `json:"channel"`
	Key     string    `json:"key"`
	ID      string    `json:"id"`
	Stored  bool      `json:"stored,omitempty"`
	At      time.Time `json:"at"`
}

type stateEnd struct {
	End string `json:"end"`
}

// Save writes the state of a broker that has been closed: its order, histories and keys, for LoadMemoryBroker in the process that comes after this one. Sessions resume there as if nothing had happened.
// A state is to be loaded once: what is published afterwards would stand in the same places of the order again.
func (b *MemoryBroker) Save(w io.Writer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		return errors.New("openline: a broker's state is saved when it has been closed")
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	messages := b.store.all()
	keys := append(b.backend.list(), b.users.list()...)
	put := func(v any) error {
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("openline: saving the broker's state: %w", err)
		}
		return nil
	}
	head := stateHead{
		Format: stateFormat, Epoch: strings.TrimSuffix(b.epoch, "-"), Sequence: b.sequence, Last: b.last, Forgotten: b.store.forgotten,
		Rings: len(b.store.rings), Messages: len(messages), Keys: len(keys),
	}
	if err := put(head); err != nil {
		return err
	}
	for _, r := range b.store.rings {
		if err := put(stateRing{r.channel, r.class.limits, r.latest != nil, r.lost, r.reason}); err != nil {
			return err
		}
	}
	for _, m := range messages {
		if err := put(stateMessage{m.Seq, m.Channel, m.Type, m.From, m.Key, m.Time, m.Raw, m.Binary, m.Data}); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := put(k); err != nil {
			return err
		}
	}
	if err := put(stateEnd{stateFormat}); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("openline: saving the broker's state: %w", err)
	}
	return nil
}

// LoadMemoryBroker returns a broker that goes on where the one that Save has written ended. A state that is cut off or damaged is an error.
func LoadMemoryBroker(r io.Reader, o *MemoryOptions) (*MemoryBroker, error) {
	b := NewMemoryBroker(o)
	if err := b.load(r); err != nil {
		return nil, fmt.Errorf("openline: the broker's state cannot be loaded: %w", err)
	}
	return b, nil
}

func (b *MemoryBroker) load(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, stateMaxLine)
	get := func(v any) error {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return err
			}
			return io.ErrUnexpectedEOF
		}
		return json.Unmarshal(lines.Bytes(), v)
	}
	var head stateHead
	if err := get(&head); err != nil {
		return err
	}
	if head.Format != stateFormat {
		return fmt.Errorf("its format is %q, not %q", clip(head.Format, 64), stateFormat)
	}
	if _, _, e := parseCursor(head.Epoch + "-0"); e != nil {
		return e
	}
	if head.Sequence > maxSequence || head.Forgotten > head.Sequence {
		return errors.New("its order has no such place")
	}
	b.epoch, b.sequence, b.last = head.Epoch+"-", head.Sequence, head.Last
	b.store.forgotten = head.Forgotten
	for range head.Rings {
		var s stateRing
		if err := get(&s); err != nil {
			return err
		}
		if e := checkStored(s.Channel); e != nil {
			return e
		}
		if s.Lost > head.Sequence {
			return fmt.Errorf("%s has lost what there has not been", s.Channel)
		}
		ring := b.store.ring(s.Channel, s.History)
		ring.lost, ring.reason = s.Lost, s.Reason
		if s.Latest {
			ring.latest = map[string]uint64{}
		}
	}
	last := uint64(0)
	for range head.Messages {
		var s stateMessage
		if err := get(&s); err != nil {
			return err
		}
		ring := b.store.rings[s.Channel]
		if ring == nil || s.Seq <= last || s.Seq > head.Sequence {
			return fmt.Errorf("message %d is of no channel or no place", s.Seq)
		}
		if err := s.check(); err != nil {
			return fmt.Errorf("message %d: %w", s.Seq, err)
		}
		last = s.Seq
		m := &Message{
			ID: b.idOf(s.Seq), Seq: s.Seq, Channel: s.Channel, Type: s.Type, From: s.From, Key: s.Key, Time: s.Time.UTC(), Raw: s.Raw, Binary: s.Binary, Data: s.Data,
		}
		lost, reason := ring.lost, ring.reason
		b.store.add(m, &Namespace{History: ring.class.limits, Latest: ring.latest != nil})
		if ring.lost == 0 {
			ring.lost, ring.reason = lost, reason
		}
	}
	for _, ring := range b.store.rings {
		b.store.rest(ring)
	}
	for range head.Keys {
		var s stateKey
		if err := get(&s); err != nil {
			return err
		}
		k := &b.backend
		if s.From != "" {
			k = &b.users
		}
		k.add(key{s.From, s.Channel, s.Key}, keyed{s.ID, s.Stored, nobody, s.At})
	}
	var end stateEnd
	if err := get(&end); err != nil {
		return err
	}
	if end.End != stateFormat {
		return errors.New("it does not end where it should")
	}
	now := time.Now()
	if next := b.store.expire(now); !next.IsZero() {
		b.sweepAt(next, now)
	}
	return nil
}

// maxSequence is more than any order comes to.
const maxSequence = 1 << 62

// check returns what the hub would not have published.
func (s *stateMessage) check() error {
	if e := checkEvent(s.Type); e != nil {
		return e
	}
	if s.From != "" {
		if e := checkAlphabet("user", s.From, false); e != nil {
			return e
		}
	}
	if s.Key != "" {
		if e := checkKey(s.Key); e != nil {
			return e
		}
	}
	if !s.Raw {
		if _, e := trimJSON(s.Data); e != nil {
			return e
		}
	}
	return nil
}

// checkStored is checkChannel for all that a broker keeps: inboxes and everyone's channel, too.
func checkStored(channel string) error {
	if channel == everyone {
		return nil
	}
	user, ok := strings.CutPrefix(channel, "@")
	if !ok {
		return CheckChannel(channel)
	}
	return CheckUser(user)
}

// all returns the messages that are kept, in their order.
func (s *store) all() []*Message {
	var list []*Message
	for _, r := range s.rings {
		for _, e := range r.entries[min(r.head, len(r.entries)):] {
			if e.m != nil {
				list = append(list, e.m)
			}
		}
	}
	slices.SortFunc(list, func(a, b *Message) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return list
}

// list returns what is remembered, oldest first.
func (s *keys) list() []any {
	var list []any
	for e := s.oldest.Front(); e != nil; e = e.Next() {
		k := e.Value.(*keyEntry)
		list = append(list, stateKey{k.key.from, k.key.channel, k.key.key, k.id, k.stored, k.at})
	}
	return list
}
