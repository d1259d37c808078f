package openline

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowded are namespaces with presence: that of room publishes who comes and goes.
var crowded = map[string]Namespace{"room": {JoinLeave: true}, "quiet": {Presence: true}, "club": {Presence: true, Subscribe: Members}}

// seen returns what a line has got of its channels' comings and goings: "+alice -bob".
func seen(tb testing.TB, l *fakeLine) string {
	tb.Helper()
	synctest.Wait()
	var list []string
	for _, m := range l.messages(0) {
		switch m.Type {
		case "sys:join":
			list = append(list, "+"+data(tb, m.Data)["user"].(string))
		case "sys:leave":
			list = append(list, "-"+data(tb, m.Data)["user"].(string))
		}
	}
	return strings.Join(list, " ")
}

// present returns who is in the channel: "alice:2 bob:0", a user and how many sessions.
func present(tb testing.TB, h *Hub, channel string) string {
	tb.Helper()
	members, total, err := h.Presence(channel)
	if err != nil || total != len(members) {
		tb.Fatal(total, err)
	}
	var list []string
	for _, m := range members {
		list = append(list, fmt.Sprintf("%s:%d", m.User, len(m.Sessions)))
	}
	return strings.Join(list, " ")
}

func want(tb testing.TB, what, got, want string) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestJoinAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded})
		_, l := openSession(t, h, "watch", "room:1")
		want(t, "own", seen(t, l), "+watch")
		a, _ := openSession(t, h, "alice", "room:1")
		b, _ := openSession(t, h, "alice", "room:1")
		want(t, "first session", seen(t, l), "+watch +alice")
		want(t, "present", present(t, h, "room:1"), "watch:1 alice:2")
		m := l.messages(3)[2]
		if got := data(t, m.Data); got["session"] != a.ID() || m.ID == "" || m.Channel != "room:1" || m.From != "" {
			t.Errorf("%s", m.JSON())
		}
		a.Close(CloseNormal, "")
		a.Closed(nil)
		time.Sleep(time.Hour)
		want(t, "one of two", seen(t, l), "+watch +alice")
		want(t, "present", present(t, h, "room:1"), "watch:1 alice:1")
		if err := b.Unsubscribe("room:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(defaultGrace - 1)
		want(t, "within the grace", seen(t, l), "+watch +alice")
		want(t, "present", present(t, h, "room:1"), "watch:1 alice:0")
		time.Sleep(1)
		want(t, "after it", seen(t, l), "+watch +alice -alice")
		want(t, "present", present(t, h, "room:1"), "watch:1")
		if got := l.messages(4)[3]; data(t, got.Data)["session"] != b.ID() {
			t.Errorf("%s", got.JSON())
		}
		if page, err := h.History("room:1", "", 0); err != nil || len(page.Messages) != 0 {
			t.Errorf("kept: %s, %v", page.JSON(), err)
		}
	})
}

// Who comes back within the grace, over whatever transport, has never left; and each grace has its own end.
func TestQuickReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded, PresenceGrace: 10 * time.Second})
		_, l := openSession(t, h, "watch", "room:1")
		for range 3 {
			s, err := h.Open(t.Context(), newLine(), Opening{User: "alice", Transport: "sse", Channels: []string{"room:1"}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			s.Closed(nil)
			time.Sleep(9 * time.Second)
		}
		want(t, "reconnects", seen(t, l), "+watch +alice")
		b, _ := openSession(t, h, "bob", "room:1")
		b.Closed(nil)
		time.Sleep(time.Second)
		want(t, "alice's end", seen(t, l), "+watch +alice +bob -alice")
		time.Sleep(9 * time.Second)
		want(t, "bob's end", seen(t, l), "+watch +alice +bob -alice -bob")
		want(t, "present", present(t, h, "room:1"), "watch:1")
	})
}

func TestNoGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded, PresenceGrace: -1})
		_, l := openSession(t, h, "watch", "room:1")
		synctest.Wait()
		for range 2 {
			s, _ := openSession(t, h, "alice", "room:1")
			synctest.Wait()
			s.Closed(nil)
			synctest.Wait()
		}
		want(t, "seen", seen(t, l), "+watch +alice -alice +alice -alice")
	})
}

// Where nothing is published, it is still known who is there; and nothing stays behind of those who are gone.
func TestPresenceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded})
		s, l := openSession(t, h, "alice", "quiet:1", "other")
		r, err := h.Open(t.Context(), newLine(), Opening{User: "bob", Raw: "quiet:1"})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "present", present(t, h, "quiet:1"), "alice:1 bob:1")
		want(t, "seen", seen(t, l), "")
		s.Closed(nil)
		r.Closed(nil)
		time.Sleep(defaultGrace)
		synctest.Wait()
		want(t, "present", present(t, h, "quiet:1"), "")
		if len(h.crowds.all) != 0 || h.crowds.leaving.Len() != 0 {
			t.Error("something is left")
		}
	})
}

// A raw session counts, and gets nothing of who comes and goes.
func TestRawSessionSeesNobodyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded})
		l := newLine()
		if _, err := h.Open(t.Context(), l, Opening{User: "bob", Raw: "room:1"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, other := openSession(t, h, "alice", "room:1")
		if _, err := h.Publish(t.Context(), Publication{Channel: "room:1", Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
		want(t, "seen", seen(t, other), "+alice")
		if got := l.messages(1); len(got) != 1 || string(got[0].Data) != "1" {
			t.Errorf("%d messages", len(got))
		}
	})
}

func TestPresenceRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded})
		s, l := openSession(t, h, "alice", "quiet:1")
		now := s.Opened().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.999Z07:00")
		for _, c := range []struct{ request, want string }{
			{`{"type":"presence","channel":"quiet:1"}`, `"data":{"members":[{"user":"alice","sessions":["` + s.ID() + `"],"since":"` + now + `"}],"total":1}`},
			{`{"type":"presence","channel":"quiet:none"}`, `"data":{"members":[],"total":0}`},
			{`{"type":"presence","channel":"chat:1"}`, `"code":"unsupported","message":"who is in chat:1 is not kept: set presence in the namespace \"chat\"`},
			{`{"type":"presence","channel":"lobby"}`, `namespace \"default\"`},
			{`{"type":"presence","channel":"club:1"}`, `"code":"forbidden"`},
			{`{"type":"presence","channel":"@bob"}`, `"code":"reserved"`},
			{`{"type":"presence"}`, `"code":"bad_request"`},
		} {
			s.Receive(t.Context(), []byte(c.request))
			synctest.Wait()
			if got := l.take(); !strings.Contains(got, c.want) {
				t.Errorf("%s: got %s\nwant %s", c.request, got, c.want)
			}
		}
	})
}

// A list has bounds; those who came first come first.
func TestPresenceIsBounded(t *testing.T) {
	h := newHub(t, &Options{Namespaces: crowded})
	for i := range maxMembers + 5 {
		openSession(t, h, fmt.Sprint("u", i), "quiet:1")
	}
	for range maxMemberSessions + 5 {
		openSession(t, h, "u0", "quiet:1")
	}
	members, total, err := h.Presence("quiet:1")
	if err != nil || len(members) != maxMembers || total != maxMembers+5 {
		t.Fatal(len(members), total, err)
	}
	if members[0].User != "u0" || len(members[0].Sessions) != maxMemberSessions || members[maxMembers-1].User != fmt.Sprint("u", maxMembers-1) {
		t.Errorf("%v … %v", members[0], members[maxMembers-1])
	}
}

// A hub that ends lets nobody leave.
func TestShutdownPublishesNoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded, PresenceGrace: -1, DrainSpread: -1})
		a, _ := openSession(t, h, "alice", "room:1")
		synctest.Wait()
		b, l := openSession(t, h, "bob", "room:1")
		synctest.Wait()
		down := make(chan error)
		go func() { down <- h.Shutdown(t.Context()) }()
		synctest.Wait()
		a.Closed(nil)
		b.Closed(nil)
		if err := <-down; err != nil {
			t.Error(err)
		}
		want(t, "seen", seen(t, l), "+bob")
	})
}

// Users who come and go at once: what is published of each alternates, begins with a join, and ends as it is.
func TestPresenceConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: crowded, PresenceGrace: -1, Shards: 4})
		_, l := openSession(t, h, "watch", "room:1")
		var wg sync.WaitGroup
		for u := range 8 {
			wg.Go(func() {
				for i := range 50 {
					s, _ := openSession(t, h, fmt.Sprint("u", u), "room:1")
					if i < 49 {
						s.Closed(nil)
					}
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		last := map[string]string{}
		for _, m := range l.messages(1)[1:] {
			user := data(t, m.Data)["user"].(string)
			if last[user] == m.Type || last[user] == "" && m.Type != "sys:join" {
				t.Fatalf("%s after %q", m.JSON(), last[user])
			}
			last[user] = m.Type
		}
		if _, total, _ := h.Presence("room:1"); total != 9 || len(last) != 9 || strings.Contains(fmt.Sprint(last), "leave") {
			t.Errorf("%d are there, seen %v", total, last)
		}
	})
}

func TestNamespacePresenceErrors(t *testing.T) {
	for _, name := range []string{InboxNamespace, EveryoneNamespace} {
		if err := CheckNamespaces(map[string]Namespace{name: {Presence: true}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
