package openline

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Sessions resume in the next process as if it were the same.
func TestState(t *testing.T) {
	o := &Options{Namespaces: map[string]Namespace{
		"few":    {History: History{Size: 3}},
		"latest": {History: History{Size: 100}, Latest: true},
		"none":   {History: History{None: true}},
	}}
	h := newHub(t, o)
	ids := []string{publish(t, h, "a", 1)}
	if r, err := h.Publish(t.Context(), Publication{Channel: "a", Key: "once", Data: []byte("2"), From: "bob"}); err != nil || r.Duplicate {
		t.Fatal(r, err)
	}
	for i := range 9 {
		ids = append(ids, publish(t, h, "few:x", i), publish(t, h, "@alice", i))
		if _, err := h.Publish(t.Context(), Publication{Channel: "latest:x", Key: "ab"[i%2 : i%2+1], Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Publish(t.Context(), Publication{Channel: "a", Raw: true, Binary: true, Data: []byte{0, 255, 10}}); err != nil {
		t.Fatal(err)
	}
	gone := publish(t, h, "none:x", 1)
	channels := []string{"a", "few:x", "latest:x", "none:x", "none:y"}
	all := func(h *Hub, since string) (list []string) {
		_, l := resumeSession(t, h, "alice", since, channels...)
		id := publish(t, h, "@alice", "end")
		for n := 1; ; n++ {
			m := l.messages(n)[n-1]
			if m.ID == id {
				return list
			}
			if m.Type == "sys:open" {
				continue
			}
			if m.Type == "sys:gap" {
				list = append(list, string(m.Data))
				continue
			}
			list = append(list, string(m.JSON()))
		}
	}
	want := all(h, ids[0])
	if !strings.Contains(strings.Join(want, ""), gone) || len(want) < 15 {
		t.Fatalf("%q", want)
	}
	broker := h.broker.(*MemoryBroker)
	var state bytes.Buffer
	if err := broker.Save(&state); err == nil {
		t.Error("the state of a broker that is not closed has been saved")
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	if err := broker.Save(&state); err != nil {
		t.Fatal(err)
	}
	text := state.String()
	loaded, err := LoadMemoryBroker(strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	next := *o
	next.Broker = loaded
	h = newHub(t, &next)
	got := all(h, ids[0])
	if i := len(want); len(got) <= i || !slices.Equal(got[:i], want) {
		t.Errorf("got  %q\nwant %q and one more", got, want)
	}
	if r, err := h.Publish(t.Context(), Publication{Channel: "a", Key: "once", Data: []byte("2"), From: "bob"}); err != nil || !r.Duplicate || !r.Stored {
		t.Errorf("%+v, %v", r, err)
	}
	if cut := strings.Split(text, "\n"); len(cut) > 5 {
		for n := range len(cut) - 1 {
			if _, err := LoadMemoryBroker(strings.NewReader(strings.Join(cut[:n], "\n")), nil); err == nil {
				t.Errorf("a state of %d lines of %d has been loaded", n, len(cut)-1)
			}
		}
	}
	for _, damaged := range []string{"{}", "null", `{"format":"x"}`, strings.Replace(text, `"sequence":`, `"sequence":0`, 1), strings.Replace(text, `"epoch":"`, `"epoch":" `, 1)} {
		if _, err := LoadMemoryBroker(strings.NewReader(damaged), nil); err == nil {
			t.Errorf("%.60q has been loaded", damaged)
		}
	}
}
