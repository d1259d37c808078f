package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
)

// void is a line that takes everything.
type void struct{}

func (void) Send(*openline.Message) error { return nil }
func (void) Close(int, string)            {}

// discard is an answer that nobody keeps, and that costs nothing itself.
type discard struct {
	header http.Header
	status int
	size   int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(s int)   { d.status = s }

func (d *discard) Write(p []byte) (int, error) {
	d.size += len(p)
	return len(p), nil
}

// rewinder is a body that can be read again.
type rewinder struct {
	text string
	at   int
}

func (r *rewinder) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		return n, io.EOF
	}
	return n, nil
}

func (r *rewinder) Close() error { return nil }

const sent = `{"text":"hello, alice","n":12345}`

// sender returns a call that sends to a user with one session, as net/http
// would hand it over, and what the hub has to do for it alone.
func sender(tb testing.TB) (call, hub func()) {
	keys, err := auth.NewKeys(testKey)
	if err != nil {
		tb.Fatal(err)
	}
	h := openline.New(nil)
	s, err := h.Open(tb.Context(), void{}, openline.Opening{User: "alice", Transport: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Closed(nil)
		_ = h.Shutdown(context.WithoutCancel(tb.Context()))
	})
	a := New(&Options{Hub: h, Keys: keys, Logger: slog.New(slog.DiscardHandler)})
	server := &http.Server{ReadTimeout: time.Second, WriteTimeout: time.Second}
	ctx := context.WithValue(tb.Context(), http.ServerContextKey, server)
	body := &rewinder{text: sent}
	r := httptest.NewRequestWithContext(ctx, "POST", "/api/users/alice/messages", nil)
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Length", strconv.Itoa(len(sent)))
	r.Body, r.ContentLength = body, int64(len(sent))
	w := &discard{header: make(http.Header)}
	call = func() {
		body.at = 0
		clear(w.header)
		if a.ServeHTTP(w, r); w.status != http.StatusOK {
			tb.Fatal(w.status)
		}
	}
	data := []byte(sent)
	hub = func() {
		if _, err := h.Send(ctx, "alice", openline.Publication{Data: data}); err != nil {
			tb.Fatal(err)
		}
	}
	return call, hub
}

// A call costs no memory beyond what the hub needs for the message.
func TestCallAllocates(t *testing.T) {
	call, hub := sender(t)
	needed := testing.AllocsPerRun(1000, hub)
	// One is for the length of ids, which grows. The race detector makes pools
	// forget now and then.
	if n := testing.AllocsPerRun(1000, call); n > needed+1 {
		t.Errorf("%v allocations, of which the hub's are %v", n, needed)
	}
}

// BenchmarkSend is a call, and the hub's part of it beside it.
func BenchmarkSend(b *testing.B) {
	call, hub := sender(b)
	for name, f := range map[string]func(){"call": call, "hub": hub} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
