package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// echo is a server, and what reaches everybody on it.
func echo(t *testing.T, o websocket.ConnOptions) Target {
	t.Helper()
	h := websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return
			}
		}
	}, &websocket.AcceptOptions{ConnOptions: o})
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Target{Address: strings.TrimPrefix(s.URL, "http://")}
}

func TestFleet(t *testing.T) {
	for _, p := range []Pattern{{Size: 32, Outstanding: 1}, {Size: 200, Outstanding: 64}, {Size: 1 << 20, Outstanding: 1}} {
		f, err := NewFleet(echo(t, websocket.ConnOptions{ReadLimit: 2 << 20}), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 100} {
			had := f.Len()
			if err := f.Grow(n); err != nil || f.Len() != n {
				t.Fatalf("%d connections instead of %d: %v", f.Len(), n, err)
			}
			if err := f.Exchange(had); err != nil {
				t.Fatal(err)
			}
		}
		if least := int64(100 * p.Size * p.Outstanding); f.Received() < least {
			t.Errorf("%d octets came, and there were %d in the messages", f.Received(), least)
		}
		f.Close()
	}
}

func TestFleetWithCompression(t *testing.T) {
	target := echo(t, websocket.ConnOptions{Compression: &websocket.Compression{}})
	target.Deflate = true
	f, err := NewFleet(target, Pattern{Size: 1024, Outstanding: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Grow(10); err != nil {
		t.Fatal(err)
	}
	if err := f.Exchange(0); err != nil {
		t.Fatal(err)
	}
	if f.Received() > 20*800 {
		t.Errorf("%d octets came for 20 messages of 1,024", f.Received())
	}
}

func TestAnswers(t *testing.T) {
	plain := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + string(accept) + "\r\n"
	for name, test := range map[string]struct {
		target Target
		answer string
		whole  bool
		failed bool
	}{
		"whole":                 {Target{}, plain + "\r\n", true, false},
		"in part":               {Target{}, plain, false, false},
		"refused":               {Target{}, "HTTP/1.1 403 Forbidden\r\n\r\n", false, true},
		"of another key":        {Target{}, "HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: x\r\n\r\n", false, true},
		"compression unasked":   {Target{}, plain + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", false, true},
		"without compression":   {Target{Deflate: true}, plain + "\r\n", false, true},
		"with compression":      {Target{Deflate: true}, plain + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", true, false},
		"to a browser, without": {Target{Browser: true}, plain + "\r\n", true, false},
	} {
		whole, err := test.target.answered([]byte(test.answer))
		if whole != test.whole || (err != nil) != test.failed {
			t.Errorf("%s: %v, %v", name, whole, err)
		}
	}
}

func TestHandshakesAreCounted(t *testing.T) {
	count := make(chan struct{}, 1024)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		count <- struct{}{}
		_ = c.CloseNow()
	}))
	defer s.Close()
	target := Target{Address: strings.TrimPrefix(s.URL, "http://"), Browser: true}
	o, err := newOpener(target, func(fd int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if err := o.start(); err != nil {
		t.Fatal(err)
	}
	for len(o.free) < inFlight {
		if err := o.finish(); err != nil {
			t.Fatal(err)
		}
	}
	<-count
}
