package openline

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestPaging(t *testing.T) {
	h := newHub(t, &Options{Shards: 3})
	var all []string
	for i := range 250 {
		s, _ := openSession(t, h, fmt.Sprint("u", i%2), "c")
		all = append(all, s.ID())
	}
	slices.Sort(all)
	if !slices.Equal(ids(h.Sessions("", -1)), all) || len(h.Sessions("", 0)) != 100 || h.Len() != 250 {
		t.Error("the whole list is not all sessions")
	}
	for name, list := range map[string]func(after string, limit int) []*Session{
		"sessions":    h.Sessions,
		"subscribers": func(after string, limit int) []*Session { return h.Subscribers("c", after, limit) },
		"everyone":    func(after string, limit int) []*Session { return h.Subscribers("@*", after, limit) },
	} {
		var got []string
		after := ""
		for {
			page := ids(list(after, 7))
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1]
		}
		if !slices.Equal(got, all) {
			t.Errorf("%s: %d of %d", name, len(got), len(all))
		}
		if list("nonsense", 7) != nil {
			t.Errorf("%s: a page behind nonsense", name)
		}
	}
	h.Session(all[9]).Close(CloseNormal, "")
	if got := ids(h.Sessions(all[9], 1)); !slices.Equal(got, all[10:11]) {
		t.Error("a page behind a session that is gone", got)
	}
	if h.Session(all[9]) != nil || h.Session(all[8]).ID() != all[8] || h.Session("x") != nil || h.Session(strings.ToUpper(all[8])) != nil {
		t.Error("Session")
	}
	if n := len(h.UserSessions("u0")) + len(h.UserSessions("u1")); n != 249 || h.SubscriberCount("c") != 249 || h.SubscriberCount("@*") != 249 || h.UserSessions("u2") != nil {
		t.Error(n)
	}
	if n := len(h.UserSessions("u1")); h.DisconnectUser("u1", CloseKicked, "bye") != n || h.DisconnectUser("u1", CloseKicked, "bye") != 0 {
		t.Error("DisconnectUser")
	}
	if h.Disconnect(all[9], CloseKicked, "") || !h.Disconnect(h.UserSessions("u0")[0].ID(), CloseKicked, "bye") {
		t.Error("Disconnect")
	}
}

func ids(list []*Session) []string {
	var names []string
	for _, s := range list {
		names = append(names, s.ID())
	}
	return names
}

// Sessions that stay are on exactly one page each, whoever comes and goes meanwhile.
func TestPagingWhileOthersComeAndGo(t *testing.T) {
	h := newHub(t, nil)
	stay := map[string]int{}
	for range 100 {
		s, _ := openSession(t, h, "stays")
		stay[s.ID()] = 0
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s, _ := openSession(t, h, "goes")
					s.Closed(nil)
				}
			}
		})
	}
	for range 5 {
		for after := ""; ; {
			page := h.Sessions(after, 3)
			if len(page) == 0 {
				break
			}
			for _, s := range page {
				if s.User() == "stays" {
					stay[s.ID()]++
				}
			}
			after = page[len(page)-1].ID()
		}
	}
	close(stop)
	wg.Wait()
	for id, n := range stay {
		if n != 5 {
			t.Errorf("%s was listed %d times in 5 rounds", id, n)
		}
	}
}

type nullLine struct{}

func (*nullLine) Send(*Message) error { return nil }
func (*nullLine) Close(int, string)   {}

// An idle session with an inbox of its own, a remote address and one channel costs less than 1 KiB.
func TestSessionMemory(t *testing.T) {
	const n, bound = 20_000, 1024
	h := newHub(t, nil)
	sessions := make([]*Session, n)
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprint("user-", i)
	}
	line := &nullLine{}
	before := heap()
	for i := range sessions {
		var err error
		sessions[i], err = h.Open(t.Context(), line, Opening{
			User: users[i], Transport: "websocket", Channels: []string{"chat:lobby"}, RemoteAddr: string([]byte("203.0.113.77:54321")),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	per := (heap() - before) / n
	t.Logf("%d bytes a session", per)
	if per > bound {
		t.Errorf("a session costs %d bytes, more than %d", per, bound)
	}
	runtime.KeepAlive(sessions)
	runtime.KeepAlive(users)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLogValue(t *testing.T) {
	h := newHub(t, nil)
	s, _ := openSession(t, h, "alice")
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "session", s)
	if got := out.String(); !strings.Contains(got, "session="+s.ID()[:8]+"\n") {
		t.Error(got)
	}
}
