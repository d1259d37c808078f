package openline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	h := newHub(t, &Options{MaxChannels: 2})
	for _, c := range []struct {
		p      Opening
		code   string
		close  int
		status int
	}{
		{Opening{User: ""}, CodeBadName, ClosePolicy, 400},
		{Opening{User: "a b"}, CodeBadName, ClosePolicy, 400},
		{Opening{User: "a/b"}, CodeBadName, ClosePolicy, 400},
		{Opening{User: "a", Channels: []string{"ok", "@bob"}}, CodeReserved, CloseForbidden, 403},
		{Opening{User: "a", Channels: []string{""}}, CodeBadName, ClosePolicy, 400},
		{Opening{User: "a", Channels: []string{"1", "2", "3"}}, CodeLimit, ClosePolicy, 429},
		{Opening{User: "a", Raw: "@bob"}, CodeReserved, CloseForbidden, 403},
		{Opening{User: "a", Raw: "r", Channels: []string{"1"}}, CodeBadRequest, ClosePolicy, 400},
	} {
		l := newLine()
		s, err := h.Open(t.Context(), l, c.p)
		e, _ := errors.AsType[*Error](err)
		if s != nil || e == nil || e.Code != c.code || e.Close != c.close || e.Status() != c.status || len(l.got)+l.closes > 0 {
			t.Errorf("%+v: %+v", c.p, err)
		}
	}
	if h.Len() != 0 || len(h.topics) != 0 {
		t.Error("something is left")
	}
}

// TestTooManyChannelsCostNothing: a long list is refused for its length, before its names are looked at.
func TestTooManyChannelsCostNothing(t *testing.T) {
	h := newHub(t, &Options{Authorize: func(_ *Session, _, target string) error {
		t.Errorf("asked for %s", target)
		return nil
	}})
	if _, err := h.Open(t.Context(), newLine(), Opening{User: "a", Channels: make([]string, 257)}); !strings.Contains(fmt.Sprint(err), "256 channels") {
		t.Error(err)
	}
}

func TestOnOpen(t *testing.T) {
	var log []string
	var mu sync.Mutex
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, fmt.Sprintf(format, args...))
	}
	type key struct{}
	h := newHub(t, &Options{
		OnOpen: func(ctx context.Context, s *Session) error {
			note("open %s", s.User())
			switch s.User() {
			case "refused":
				return &Error{Code: CodeUnauthorised, Message: "log in first"}
			case "failed":
				return errors.New("database down")
			case "panics":
				panic("oh")
			case "closes":
				s.Close(CloseKicked, "not today")
				return nil
			}
			s.SetValue(key{}, s.Claims())
			if err := s.Subscribe("added"); err != nil {
				t.Error(err)
			}
			if err := s.Subscribe("dropped"); err != nil {
				t.Error(err)
			}
			if err := s.Unsubscribe("dropped"); err != nil {
				t.Error(err)
			}
			_, err := s.Hub().Broadcast(ctx, Publication{})
			return errors.Join(err, s.Send(&Message{Type: "welcome"}))
		},
		OnClose: func(s *Session, why CloseReason) { note("close %s %d", s.User(), why.Code) },
	})
	for _, c := range []struct {
		user string
		code string
		stop int
	}{
		{"refused", CodeUnauthorised, CloseUnauthorised},
		{"failed", CodeForbidden, CloseForbidden},
		{"panics", CodeInternal, CloseInternal},
		{"closes", CodeClosed, CloseKicked},
	} {
		l := newLine()
		_, err := h.Open(t.Context(), l, Opening{User: c.user})
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Code != c.code || e.Close != c.stop || len(l.got)+l.closes > 0 {
			t.Errorf("%s: %+v, %d messages, %d closes", c.user, err, len(l.got), l.closes)
		}
	}
	l := newLine()
	s, err := h.Open(t.Context(), l, Opening{User: "alice", Channels: []string{"asked"}, RemoteAddr: "[::1]:9", Transport: "test", Claims: "c"})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.messages(2); read(t, got[0]).Type != "sys:open" || read(t, got[1]).Type != "welcome" || len(got) != 2 {
		t.Errorf("%s %s", got[0].JSON(), got[1].JSON())
	}
	if !slices.Equal(s.Channels(), []string{"added", "asked"}) || s.Value(key{}) != "c" || s.RemoteAddr() != "[::1]:9" || s.Transport() != "test" || s.Opened().IsZero() {
		t.Errorf("%v %v", s.Channels(), s.Value(key{}))
	}
	s.SetValue(key{}, nil)
	if s.Value(key{}) != nil {
		t.Error("the value is still there")
	}
	s.Closed(nil)
	s.Closed(nil)
	want := "open refused, open failed, open panics, open closes, close closes 4009, open alice, close alice 1000"
	if got := strings.Join(log, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHookPanics(t *testing.T) {
	h := newHub(t, &Options{
		Authorize: func(*Session, string, string) error { panic("authorize") },
		OnClose:   func(*Session, CloseReason) { panic("close") },
		OnError:   func(*Session, error) { panic("error") },
	})
	s, l := openSession(t, h, "alice")
	s.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"c"}`))
	if code, _ := l.closed(); code != CloseInternal {
		t.Error(code)
	}
	s.Closed(nil)
	if _, err := h.Open(t.Context(), newLine(), Opening{User: "a", Channels: []string{"c"}}); err == nil || err.(*Error).Close != CloseInternal {
		t.Error(err)
	}
}

func TestRefusalBecomesStatus(t *testing.T) {
	for _, c := range []struct {
		e      Error
		status int
	}{
		{Error{Code: CodeTooLarge}, 413},
		{Error{Code: CodeRateLimit}, 429},
		{Error{Code: CodeTryLater}, 503},
		{Error{Code: "own"}, 500},
		{Error{Code: "own", Close: CloseUnauthorised}, 401},
		{Error{Code: "own", Close: CloseKicked}, 403},
		{Error{Code: "own", Close: CloseRateLimit}, 429},
		{Error{Code: "own", Close: CloseTryAgainLater}, 503},
		{Error{Code: "own", Close: ClosePolicy}, 400},
	} {
		if got := c.e.Status(); got != c.status {
			t.Errorf("%+v: %d", c.e, got)
		}
	}
}

// A hook may use the hub in any way: nothing that it waits for waits for it.
func TestHooksUseTheHub(t *testing.T) {
	use := func(ctx context.Context, s *Session) error {
		h := s.Hub()
		_, err := h.Broadcast(ctx, Publication{})
		h.UserSessions(s.User())
		h.SubscriberCount("c")
		return err
	}
	h := newHub(t, &Options{
		Shards: 1, ShardQueue: 1,
		OnOpen:    use,
		OnMessage: func(ctx context.Context, s *Session, _ *Request) error { return use(ctx, s) },
		OnClose:   func(s *Session, _ CloseReason) { _ = use(context.Background(), s) },
		OnError:   func(s *Session, _ error) { _ = use(context.Background(), s) },
		Authorize: func(s *Session, _, _ string) error { return use(context.Background(), s) },
	})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				s, l := openSession(t, h, fmt.Sprint("u", i%3))
				s.Receive(t.Context(), []byte(`{"type":"own","ref":1}`))
				s.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"c"}`))
				s.Receive(t.Context(), []byte(`bad`))
				l.mu.Lock()
				l.room = 1
				l.mu.Unlock()
				_, _ = h.Send(t.Context(), s.User(), Publication{})
				l.closed()
				s.Closed(nil)
			}
		})
	}
	wg.Wait()
}
