package openline

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeyDeduplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Broker: NewMemoryBroker(nil)})
		_, l := openSession(t, h, "bob", "c")
		publish := func(p Publication) Receipt {
			t.Helper()
			p.Channel = "c"
			r, err := h.Publish(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		first := publish(Publication{Key: "k"})
		if first.Duplicate || first.Delivered != 1 {
			t.Errorf("%+v", first)
		}
		time.Sleep(2*time.Minute - 1) // of the bubble's clock
		again := publish(Publication{Key: "k", Data: []byte(`"other"`)})
		if !again.Duplicate || again.ID != first.ID || again.Delivered != 1 {
			t.Errorf("%+v", again)
		}
		for _, p := range []Publication{{Key: "K"}, {Key: "k", From: "alice"}, {}, {}} {
			if r := publish(p); r.Duplicate {
				t.Errorf("%+v is a duplicate", p)
			}
		}
		if r, err := h.Send(t.Context(), "bob", Publication{Key: "k"}); err != nil || r.Duplicate {
			t.Errorf("%+v, %v", r, err)
		}
		time.Sleep(1)
		if r := publish(Publication{Key: "k"}); r.Duplicate || r.ID == first.ID {
			t.Errorf("%+v", r)
		}
		if got := l.messages(8); len(got) != 8 {
			t.Errorf("%d messages", len(got)-1)
		}
	})
}

// Of many publications with one key at once, one is published, and all receipts are its own.
func TestKeyConcurrently(t *testing.T) {
	h := newHub(t, nil)
	_, l := openSession(t, h, "bob", "c")
	receipts := make([]Receipt, 16)
	var wg sync.WaitGroup
	for i := range receipts {
		wg.Go(func() { receipts[i], _ = h.Publish(t.Context(), Publication{Channel: "c", Key: "k"}) })
	}
	wg.Wait()
	first := 0
	for _, r := range receipts {
		if r.ID != receipts[0].ID || r.Delivered != 1 {
			t.Errorf("%+v", r)
		}
		if !r.Duplicate {
			first++
		}
	}
	if first != 1 || len(l.messages(2)) != 2 {
		t.Errorf("published %d times", first)
	}
}

func TestKeysAreBounded(t *testing.T) {
	b := NewMemoryBroker(&MemoryOptions{MaxKeys: 10})
	h := newHub(t, &Options{Broker: b})
	for i := range 1000 {
		if r, err := h.Publish(t.Context(), Publication{Channel: "c", Key: fmt.Sprint(i)}); err != nil || r.Duplicate {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if k := &b.backend; len(k.all) != 10 || k.oldest.Len() != 10 || len(k.publishers) != 1 {
		t.Errorf("%d keys, %d in order, %d publishers", len(k.all), k.oldest.Len(), len(k.publishers))
	}
	for _, c := range []struct {
		key       string
		duplicate bool
	}{{"999", true}, {"990", true}, {"989", false}, {"990", false}} {
		if r, _ := h.Publish(t.Context(), Publication{Channel: "c", Key: c.key}); r.Duplicate != c.duplicate {
			t.Errorf("key %s: %+v", c.key, r)
		}
	}
	off := newHub(t, &Options{Broker: NewMemoryBroker(&MemoryOptions{KeyWindow: -1})})
	for range 2 {
		if r, _ := off.Publish(t.Context(), Publication{Channel: "c", Key: "k"}); r.Duplicate {
			t.Errorf("%+v", r)
		}
	}
}

// TestKeysOfOthers: who publishes many keys makes nobody forget but himself, and the backend's are its own.
func TestKeysOfOthers(t *testing.T) {
	b := NewMemoryBroker(&MemoryOptions{MaxKeys: 20, UserKeys: 5})
	h := newHub(t, &Options{Broker: b})
	publish := func(from, key string) bool {
		r, err := h.Publish(t.Context(), Publication{Channel: "c", From: from, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return r.Duplicate
	}
	publish("", "order-1")
	publish("alice", "a")
	for i := range 100 {
		if publish("mallory", fmt.Sprint(i)) {
			t.Errorf("key %d is a duplicate", i)
		}
	}
	if !publish("", "order-1") || !publish("alice", "a") || !publish("mallory", "95") || publish("mallory", "94") {
		t.Error("the wrong keys were forgotten")
	}
	for i := range 100 { // many users: no more than there may be in all
		publish(fmt.Sprint("user", i), "k")
	}
	if k := &b.users; len(k.all) != 20 || len(k.publishers) != 20 || !publish("", "order-1") {
		t.Errorf("%d keys of %d users", len(k.all), len(k.publishers))
	}
}

func TestEpochs(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		epoch, _, ok := strings.Cut(NewMemoryBroker(nil).Attach(nil), "-")
		if !ok || len(epoch) > 12 {
			t.Errorf("epoch %q", epoch)
		}
		seen[epoch] = true
	}
	defer func() {
		if recover() == nil {
			t.Error("attached twice")
		}
	}()
	b := NewMemoryBroker(nil)
	newHub(t, &Options{Broker: b})
	New(&Options{Broker: b})
}

// The end of the context ends the wait, and the receipt says what was published.
func TestWaitEndsWithItsContext(t *testing.T) {
	d := newDelivery(2)
	d.finish(3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := d.Wait(ctx); n != 3 || err != context.Canceled { //nolint:errorlint // as it is
		t.Error(n, err)
	}
	d.finish(4)
	if n, err := d.Wait(ctx); n != 7 || err != nil {
		t.Error(n, err)
	}
}

// Once deduplicates in any channel and goes before Key, which does so where it does
// not say what a message is the latest of.
func TestOnce(t *testing.T) {
	h := newHub(t, &Options{Namespaces: map[string]Namespace{"latest": {Latest: true}}})
	for _, c := range []struct {
		channel, key, once string
		duplicate          bool
	}{
		{"a", "k", "", false},
		{"a", "k", "", true},
		{"a", "k", "1", false},
		{"a", "other", "1", true},
		{"a", "", "k", true},
		{"b", "k", "", false},
		{"latest:a", "k", "", false},
		{"latest:a", "k", "", false},
		{"latest:a", "k", "1", false},
		{"latest:a", "k", "1", true},
	} {
		r, err := h.Publish(t.Context(), Publication{Channel: c.channel, Key: c.key, Once: c.once})
		if err != nil || r.Duplicate != c.duplicate || !r.Stored {
			t.Errorf("%+v: %+v, %v", c, r, err)
		}
	}
	if _, err := h.Publish(t.Context(), Publication{Channel: "a", Once: "\n"}); err == nil {
		t.Error("a line feed for a key")
	}
}
