package echo_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// A connection with a rate is closed when more comes.
func TestRate(t *testing.T) {
	url, _ := serve(t, nil)
	p := wstest.Connect(t, url+"/?rate=2")
	for range 5 {
		p.SendMessage(websocket.Text, []byte("a"))
	}
	p.ExpectText("a")
	p.ExpectText("a")
	p.ExpectClose(websocket.ClosePolicyViolation)
}

// Connections are counted by their query.
func TestConnections(t *testing.T) {
	url, _ := serve(t, nil)
	p := wstest.Connect(t, url+"/?connections=1&case=a")
	if _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/?connections=1&case=a", nil); err == nil || !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
	wstest.Connect(t, url+"/?connections=1&case=b")
	p.SendMessage(websocket.Text, []byte("a"))
	p.ExpectText("a")
}

// A session ends by itself.
func TestSession(t *testing.T) {
	url, _ := serve(t, nil)
	p := wstest.Connect(t, url+"/?session=1ms")
	p.ExpectClose(websocket.ClosePolicyViolation)
}

// Who insists on compression refuses requests that do not offer it.
func TestInsist(t *testing.T) {
	url, _ := serve(t, nil)
	if _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/?insist=deflate", nil); err == nil || !strings.Contains(err.Error(), "400") {
		t.Error(err)
	}
	c, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/?insist=deflate", &websocket.DialOptions{
		ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if status, _ := get(t, url+"/?insist=everything"); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
}

// A plain message is not compressed, whatever was agreed on.
func TestPlain(t *testing.T) {
	url, _ := serve(t, nil)
	sizes := make(chan uint64, 1)
	c, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/?do=plain&text="+strings.Repeat("a", 1000), &websocket.DialOptions{
		ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}},
		Trace:       &websocket.Trace{Received: func(f websocket.Frame) { sizes <- f.Length }},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := <-sizes; n != 1000 {
		t.Errorf("%d octets came", n)
	}
}

// A shutdown waits for as many connections as it is told.
func TestShutdownOfSeveral(t *testing.T) {
	url, _ := serve(t, nil)
	first := wstest.Connect(t, url+"/?do=shutdown&n=2")
	first.SendMessage(websocket.Text, []byte("a"))
	first.ExpectText("a")
	second := wstest.Connect(t, url+"/?do=shutdown&n=2")
	second.ExpectClose(websocket.CloseGoingAway)
	first.ExpectClose(websocket.CloseGoingAway)
}
