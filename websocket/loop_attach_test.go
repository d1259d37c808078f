package websocket_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestLoopAttachEnded: a connection that has ended, or is about to, has its
// handler called as any other.
func TestLoopAttachEnded(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*websocket.Conn)
	}{
		{"closed", func(c *websocket.Conn) { _ = c.CloseNow() }},
		{"failed", func(c *websocket.Conn) { _, _, _ = c.Read(context.Background()) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			loop, err := websocket.NewLoop()
			if err != nil {
				t.Fatal(err)
			}
			p, c := wstest.Listen(t).Dial(nil)
			p.Send("83 00")
			test.end(c)
			told := make(chan string, 3)
			_, err = loop.Attach(c, loopFuncs{
				open:  func(*websocket.LoopConn) { told <- "open" },
				close: func(*websocket.LoopConn, *websocket.CloseError) { told <- "close" },
			})
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			if a, b := <-told, <-told; a != "open" || b != "close" {
				t.Error(a, b)
			}
			if err := loop.Shutdown(t.Context()); err != nil || loop.Len() != 0 {
				t.Error(err, loop.Len())
			}
		})
	}
}

// TestLoopOverTLSPanics: a handler that panics in any of its methods ends its
// connection, not the program, whoever drives it.
func TestLoopOverTLSPanics(t *testing.T) {
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan *websocket.CloseError, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_, err = loop.Attach(c, loopTold{
			loopFuncs: loopFuncs{
				open:  func(c *websocket.LoopConn) { _ = c.Ping([]byte("well?")) },
				close: func(_ *websocket.LoopConn, e *websocket.CloseError) { closed <- e },
			},
			pong:  func(*websocket.LoopConn, []byte) { panic("test") },
			drain: func(*websocket.LoopConn) {},
		})
		if err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	c, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(s.URL, "https"), &websocket.DialOptions{TLSConfig: s.Client().Transport.(*http.Transport).TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseInternalError {
		t.Error(err)
	}
	if e := <-closed; e.Code != websocket.CloseInternalError {
		t.Error(e)
	}
	if err := loop.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLoopOverTLSCloses: nothing is taken behind a Close, however late the
// connection comes to send it.
func TestLoopOverTLSCloses(t *testing.T) {
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			_, _ = loop.Attach(c, loopFuncs{open: func(c *websocket.LoopConn) {
				_ = c.Close(1000, "")
				wrote <- c.Write(websocket.Text, []byte("late"))
			}})
		}
	}))
	defer s.Close()
	c, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(s.URL, "https"), &websocket.DialOptions{TLSConfig: s.Client().Transport.(*http.Transport).TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != 1000 {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-wrote; err == nil {
		t.Error("a message was taken behind the Close")
	}
	if err := loop.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLoopAttachContext: the context of a Handler's function ends with the
// connection that it has attached.
func TestLoopAttachContext(t *testing.T) {
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	contexts := make(chan context.Context, 1)
	closed := make(chan *websocket.CloseError, 1)
	h := websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		if _, err := loop.Attach(c, loopEcho{closed}); err != nil {
			t.Error(err)
		}
		contexts <- ctx
	}, nil)
	s := httptest.NewServer(h)
	defer s.Close()
	p := wstest.Connect(t, "ws"+strings.TrimPrefix(s.URL, "http"))
	ctx := <-contexts
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	p.SendMessage(websocket.Text, []byte("Hello"))
	p.ExpectText("Hello")
	if ctx.Err() != nil || derived.Err() != nil {
		t.Error("the context has ended:", ctx.Err(), derived.Err())
	}
	p.Close()
	<-closed
	<-ctx.Done()
	<-derived.Done()
	if ctx.Err() == nil {
		t.Error("the context has ended without an error")
	}
	context.AfterFunc(ctx, func() { close(contexts) })
	<-contexts
	if err := loop.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
