package websocket

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// shortConn takes three octets of its first write and then times out once.
type shortConn struct {
	net.Conn
	wrote []byte
	cut   bool
}

func (c *shortConn) Write(p []byte) (int, error) {
	if !c.cut {
		c.cut = true
		c.wrote = append(c.wrote, p[:3]...)
		return 3, os.ErrDeadlineExceeded
	}
	c.wrote = append(c.wrote, p...)
	return len(p), nil
}

// TestTraceOfACutWrite: what was told of before the write was cut is not told of
// again when the rest is sent.
func TestTraceOfACutWrite(t *testing.T) {
	var got []string
	trace := &Trace{Sent: func(f Frame) { got = append(got, fmt.Sprintf("%s %q", f.OpcodeName(), f.Payload)) }}
	under := &shortConn{}
	c := trace.tap(under, nil)
	stream := []byte("\x81\x02hi\x82\x03abc\x89\x00")
	n, err := c.Write(stream[:9])
	if n != 3 || err == nil {
		t.Fatal(n, err)
	}
	if _, err := c.Write(stream[n:]); err != nil { // the rest, and a frame more
		t.Fatal(err)
	}
	if want := []string{`text "hi"`, `binary "abc"`, `ping ""`}; !slices.Equal(got, want) || string(under.wrote) != string(stream) {
		t.Fatalf("told of %v, want %v; wrote %x", got, want, under.wrote)
	}
}

// TestTraceOrder: the handshake is told of as it stood on the wire, and each
// frame before the one that answers it.
func TestTraceOrder(t *testing.T) {
	srv := httptest.NewServer(Handle(func(ctx context.Context, c *Conn) {
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return
			}
		}
	}, nil))
	defer srv.Close()
	var mu sync.Mutex
	var got []string
	tell := func(who string) func(Frame) {
		return func(f Frame) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprintf("%s fin=%t masked=%t %s %d %s", who, f.Fin, f.Masked, f.OpcodeName(), f.Length, f.Payload))
		}
	}
	var request, response string
	c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http")+"/x?y=1", &DialOptions{Trace: &Trace{
		Request:  func(head []byte) { request = string(head) },
		Response: func(head []byte) { response = string(head) },
		Sent:     tell(">"), Received: tell("<"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := c.Write(t.Context(), Text, fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(CloseNormal, ""); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(request, "GET /x?y=1 HTTP/1.1\r\nHost: ") || !strings.HasSuffix(request, "\r\n\r\n") {
		t.Errorf("request %q", request)
	}
	if !strings.HasPrefix(response, "HTTP/1.1 101 Switching Protocols\r\n") || !strings.HasSuffix(response, "\r\n\r\n") {
		t.Errorf("response %q", response)
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range 20 {
		n := len(fmt.Sprint(i))
		want := []string{
			fmt.Sprintf("> fin=true masked=true text %d %d", n, i),
			fmt.Sprintf("< fin=true masked=false text %d %d", n, i),
		}
		if !slices.Equal(got[2*i:2*i+2], want) {
			t.Fatalf("message %d: %q, want %q", i, got[2*i:2*i+2], want)
		}
	}
}
