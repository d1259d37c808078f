package openline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// storeModel is what a store is to keep, found the long way.
type storeModel struct {
	kept []*Message // of all channels, oldest first
	lost map[string]uint64
}

func (s *storeModel) bytes() (n int) {
	for _, m := range s.kept {
		n += costOf(m)
	}
	return n
}

// drop removes the oldest message of the channel; "": of all.
func (s *storeModel) drop(channel string) {
	for i, m := range s.kept {
		if channel == "" || m.Channel == channel {
			s.lost[m.Channel] = m.Seq
			s.kept = slices.Delete(s.kept, i, i+1)
			return
		}
	}
}

func (s *storeModel) of(channel string) (list []*Message, bytes int) {
	for _, m := range s.kept {
		if m.Channel == channel {
			list = append(list, m)
			bytes += costOf(m)
		}
	}
	return list, bytes
}

func (s *storeModel) add(m *Message, rules *Namespace, budget int) {
	h := rules.History
	if h.None {
		s.lost[m.Channel] = m.Seq
		return
	}
	if rules.Latest {
		s.kept = slices.DeleteFunc(s.kept, func(old *Message) bool { return old.Channel == m.Channel && old.Key == m.Key })
	}
	s.kept = append(s.kept, m)
	for {
		list, bytes := s.of(m.Channel)
		if len(list) <= 1 || (h.Size <= 0 || len(list) <= h.Size) && (h.Bytes <= 0 || bytes <= h.Bytes) {
			break
		}
		s.drop(m.Channel)
	}
	for s.bytes() > budget {
		s.drop("")
	}
}

func (s *storeModel) expire(now time.Time, rules map[string]*Namespace) {
	s.kept = slices.DeleteFunc(s.kept, func(m *Message) bool {
		age := rules[m.Channel].History.Age
		gone := age > 0 && !m.Time.Add(age).After(now)
		if gone {
			s.lost[m.Channel] = m.Seq
		}
		return gone
	})
}

// A store keeps and loses the same messages as the model, whatever comes.
func TestStore(t *testing.T) {
	rules := map[string]*Namespace{
		"a":      {History: History{Size: 7, Age: -1}},
		"b":      {History: History{Size: -1, Bytes: 5000, Age: time.Minute}},
		"c":      {History: History{Size: 1000, Age: time.Hour}},
		"d":      {History: History{Size: 1000, Age: time.Hour}},
		"latest": {History: History{Size: 5, Age: time.Minute}, Latest: true},
		"keys":   {History: History{Size: 50, Age: -1}, Latest: true},
		"none":   {History: History{None: true}},
	}
	names := []string{"a", "b", "c", "d", "latest", "keys", "none"}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		budget := 20000 + random.IntN(200000)
		s := newStore(budget)
		model := &storeModel{lost: map[string]uint64{}}
		now := time.Unix(1000, 0)
		for seq := uint64(1); seq < 1500; seq++ {
			now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
			channel := names[random.IntN(len(names))]
			m := &Message{Seq: seq, Channel: channel, Time: now, Data: make([]byte, random.IntN(1000))}
			if rules[channel].Latest {
				m.Key = fmt.Sprint(random.IntN(9))
			}
			if s.add(m, rules[channel]) == rules[channel].History.None {
				t.Fatal("it does not say whether it has stored", channel)
			}
			model.add(m, rules[channel], budget)
			if random.IntN(50) == 0 {
				s.expire(now)
				model.expire(now, rules)
			}
			for _, name := range names {
				want, _ := model.of(name)
				after := uint64(random.IntN(int(seq)))
				want = want[upTo(want, after):]
				got, lost, _ := s.page(name, after)
				if len(got) < len(want) { // a part of them
					want = want[:len(got)]
				}
				if !slices.Equal(got, want) || len(got) == 0 && len(want) > 0 || lost != model.lost[name] {
					t.Fatalf("seed %d, message %d: %s has %d messages from %d on and has lost %d; want %d and %d", seed, seq, name, len(got), after, lost, len(want), model.lost[name])
				}
			}
			if s.bytes != model.bytes() {
				t.Fatalf("seed %d, message %d: %d bytes, want %d", seed, seq, s.bytes, model.bytes())
			}
		}
		for _, c := range s.order {
			if n := len(c.queue) - c.head; n > 64+4*len(model.kept) {
				t.Errorf("%d places for %d messages", n, len(model.kept))
			}
		}
	}
}

// What is remembered of channels with nothing left is bounded, and a channel that is
// forgotten is not taken for one that has lost nothing.
func TestStoreForgets(t *testing.T) {
	s := newStore(0)
	rules := &Namespace{History: History{None: true}}
	const n = maxEmpty + 1000
	for i := range uint64(n) {
		s.add(&Message{Seq: i + 1, Channel: fmt.Sprint("c", i)}, rules)
	}
	if len(s.rings) != maxEmpty || len(s.empty) != maxEmpty {
		t.Errorf("%d rings, %d of them empty", len(s.rings), len(s.empty))
	}
	if _, lost, reason := s.page("c0", 0); lost != n-maxEmpty || reason != GapExpired {
		t.Errorf("lost %d: %s", lost, reason)
	}
	if _, lost, reason := s.page(fmt.Sprint("c", n-1), 0); lost != n || reason != GapNoHistory {
		t.Errorf("lost %d: %s", lost, reason)
	}
}

// Messages go when they are too old, whether anything is published or not.
func TestHistoryAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"short": {History: History{Age: 5 * time.Second}}}})
		publish(t, h, "long", 1) // with a timer for ten minutes
		first := publish(t, h, "short:x", 1)
		time.Sleep(3 * time.Second)
		second := publish(t, h, "short:x", 2)
		time.Sleep(3 * time.Second)
		page, err := h.History("short:x", "", 0)
		if err != nil || !slices.Equal(idsOf(page.Messages), []string{second}) {
			t.Errorf("%s, %v", page.JSON(), err)
		}
		if page, _ = h.History("short:x", first[:len(first)-1]+"1", 0); page.Gap == nil || page.Gap.Reason != GapExpired {
			t.Errorf("%s", page.JSON())
		}
		time.Sleep(10 * time.Minute)
		b := h.broker.(*MemoryBroker)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.store.bytes != 0 {
			t.Errorf("%d bytes are left", b.store.bytes)
		}
	})
}
