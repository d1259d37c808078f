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

// A state that says what cannot be is refused, whoever has written it.
func TestStateIsChecked(t *testing.T) {
	head := func(more string) string {
		return `{"format":"openline memory broker 1","epoch":"e","sequence":9,"last":"2026-01-01T00:00:00Z","rings":1,"messages":2,"keys":0` + more + "}\n"
	}
	ring := `{"channel":"a","history":{"Size":10}}` + "\n"
	message := func(seq, more string) string {
		return `{"seq":` + seq + `,"channel":"a","time":"2026-01-01T00:00:00Z"` + more + "}\n"
	}
	end := `{"end":"openline memory broker 1"}` + "\n"
	const good = `,"type":"x","data":"MQ=="` // 1
	for what, text := range map[string]string{
		"":                      head("") + ring + message("1", good) + message("3", good) + end,
		"no order":              head("") + ring + message("3", good) + message("3", good) + end,
		"no place":              head("") + ring + message("0", good) + message("3", good) + end,
		"a place too far":       head("") + ring + message("1", good) + message("10", good) + end,
		"an order too long":     head(`,"sequence":18446744073709551615`) + ring + message("1", good) + message("3", good) + end,
		"forgotten the future":  head(`,"forgotten":10`) + ring + message("1", good) + message("3", good) + end,
		"lost the future":       head("") + `{"channel":"a","history":{"Size":10},"lost":10}` + "\n" + message("1", good) + message("3", good) + end,
		"no channel's name":     head("") + `{"channel":"a b","history":{"Size":10}}` + "\n" + message("1", good) + message("3", good) + end,
		"no user's name":        head("") + `{"channel":"@","history":{"Size":10}}` + "\n" + message("1", good) + message("3", good) + end,
		"no JSON":               head("") + ring + message("1", good) + message("3", `,"type":"x","data":"ew=="`) + end,
		"a type of two lines":   head("") + ring + message("1", good) + message("3", `,"type":"x\ny","data":"MQ=="`) + end,
		"a type of ours":        head("") + ring + message("1", good) + message("3", `,"type":"sys:open","data":"MQ=="`) + end,
		"from no user":          head("") + ring + message("1", good) + message("3", good+`,"from":"a b"`) + end,
		"with a key of nothing": head("") + ring + message("1", good) + message("3", good+`,"key":"\u0000"`) + end,
	} {
		b, err := LoadMemoryBroker(strings.NewReader(text), nil)
		if (err == nil) != (what == "") {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil {
			_ = b.Close()
		}
	}
}

// A channel that is to keep nothing any more lets go of what it has kept.
func TestStateUnderOtherRules(t *testing.T) {
	h := newHub(t, nil)
	since := publish(t, h, "x:1", 1)
	publish(t, h, "x:1", 2)
	b := h.broker.(*MemoryBroker)
	_ = b.Close()
	var state bytes.Buffer
	if err := b.Save(&state); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadMemoryBroker(&state, nil)
	if err != nil {
		t.Fatal(err)
	}
	h = newHub(t, &Options{Broker: loaded, Namespaces: map[string]Namespace{"x": {History: History{None: true}}}})
	third := publish(t, h, "x:1", 3)
	_, l := resumeSession(t, h, "alice", since, "x:1")
	live := publish(t, h, "x:1", 4)
	got := l.messages(3)
	if g := gapOf(t, got[1]); g.Reason != GapNoHistory || g.After != since || g.Cursor != third {
		t.Errorf("%+v", g)
	}
	if len(got) != 3 || got[2].ID != live {
		t.Errorf("%v", idsOf(got))
	}
}
