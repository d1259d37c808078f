package openline

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// countLine frames each message, as a WebSocket line does.
type countLine struct{ n atomic.Int64 }

func (l *countLine) Send(m *Message) error {
	_ = m.Frame()
	l.n.Add(1)
	return nil
}

func (l *countLine) Close(int, string) {}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newHub(b, nil)
			for i := range n {
				if _, err := h.Open(b.Context(), &countLine{}, Opening{User: fmt.Sprint("u", i), Channels: []string{"c"}}); err != nil {
					b.Fatal(err)
				}
			}
			data := []byte(`{"text":"hello, everybody in this channel"}`)
			b.ReportAllocs()
			for b.Loop() {
				if r, err := h.Publish(b.Context(), Publication{Channel: "c", From: "alice", Data: data}); err != nil || r.Delivered != n {
					b.Fatal(r, err)
				}
			}
		})
	}
}

func BenchmarkReceive(b *testing.B) {
	h := newHub(b, nil)
	s, err := h.Open(b.Context(), &countLine{}, Opening{User: "alice", Channels: []string{"c"}})
	if err != nil {
		b.Fatal(err)
	}
	request := []byte(`{"type":"publish","channel":"c","ref":17,"data":{"text":"hello, everybody in this channel"}}`)
	b.ReportAllocs()
	for b.Loop() {
		s.Receive(b.Context(), request)
	}
}

func BenchmarkOpen(b *testing.B) {
	h := newHub(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		s, err := h.Open(b.Context(), &nullLine{}, Opening{User: "alice"})
		if err != nil {
			b.Fatal(err)
		}
		s.Closed(nil)
	}
}
