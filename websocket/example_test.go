package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openline/openline/websocket"
)

// A server that sends back what it gets, and a client of it.
func Example() {
	srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		for msg, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, msg.Type, msg.Data) != nil {
				return
			}
		}
	}, nil))
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Write(ctx, websocket.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	typ, msg, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", typ, msg)
	if err := c.Close(websocket.CloseNormal, ""); err != nil {
		log.Fatal(err)
	}
	// Output: text: hello
}

// Accept is for a handler that has something to do before or after.
func ExampleAccept() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("room") == "" {
			http.Error(w, "which room?", http.StatusBadRequest)
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols: []string{"chat.v2", "chat.v1"},
			Origins:      []string{"https://app.example", "https://*.app.example"},
		})
		if err != nil {
			return // it has been answered and logged
		}
		_ = c.Write(r.Context(), websocket.Text, []byte("welcome, you speak "+c.Subprotocol()))
		_ = c.Close(websocket.CloseNormal, "")
	}))
	defer srv.Close()

	ctx := context.Background()
	_, err := websocket.Dial(ctx, srv.URL, nil)
	if refused, ok := errors.AsType[*websocket.HandshakeError](err); ok {
		fmt.Printf("%d: %s", refused.Status, refused.Body)
	}
	c, err := websocket.Dial(ctx, srv.URL+"/?room=1", &websocket.DialOptions{Subprotocols: []string{"chat.v1"}})
	if err != nil {
		log.Fatal(err)
	}
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(msg.Data))
	}
	// Output:
	// 400: which room?
	// welcome, you speak chat.v1
}

// An Acceptor is made once, and says at once if its options are wrong.
func ExampleNewAcceptor() {
	_, err := websocket.NewAcceptor(&websocket.AcceptOptions{Origins: []string{"app.example"}})
	fmt.Println(err)
	a, err := websocket.NewAcceptor(&websocket.AcceptOptions{Origins: []string{"https://app.example"}})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		c, err := a.Accept(w, r)
		if err != nil {
			return // it has been answered and logged
		}
		_ = c.Close(websocket.CloseNormal, "")
	})
	// Output: websocket: AcceptOptions.Origins has "app.example", which is not of the form https://app.example or https://*.example.com, with no path, international names as xn--
}

// A handler counts its connections and ends them all when the program does.
func ExampleHandle() {
	h := websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		_ = c.Write(ctx, websocket.Text, []byte("ready"))
		<-ctx.Done() // until the connection ends; a reader would notice sooner
	}, nil)
	srv := httptest.NewServer(h)
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := c.Read(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("open:", h.Len())
	go func() { _ = h.Shutdown(ctx) }()
	_, _, err = c.Read(ctx)
	fmt.Println(websocket.CloseCodeOf(err))
	// Output:
	// open: 1
	// 1001 going away
}

func ExampleDial() {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := websocket.Dial(ctx, srv.URL, &websocket.DialOptions{
		Header:       http.Header{"Authorization": {"Bearer secret"}},
		Subprotocols: []string{"chat.v1"},
		ConnOptions:  websocket.ConnOptions{ReadLimit: 64 << 10},
	})
	if refused, ok := errors.AsType[*websocket.HandshakeError](err); ok {
		fmt.Println("the server answered", refused.Status)
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	// Output: the server answered 404
}

// serve runs fn for each connection of a server of its own.
func serve(fn func(ctx context.Context, c *websocket.Conn)) *httptest.Server {
	return httptest.NewServer(websocket.Handle(fn, nil))
}

// Messages ends by itself when the peer closes as it should.
func ExampleConn_Messages() {
	srv := serve(func(ctx context.Context, c *websocket.Conn) {
		for _, word := range []string{"one", "two", "three"} {
			_ = c.Write(ctx, websocket.Text, []byte(word))
		}
	})
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(msg.Data)) // valid until the next iteration
	}
	// Output:
	// one
	// two
	// three
}

// A message that goes to many is framed once. TrySend never waits: who does not
// read fast enough fills a queue of its own, and nobody else notices.
func ExamplePrepare() {
	const n = 3
	ctx := context.Background()
	conns := make(chan *websocket.Conn)
	srv := serve(func(ctx context.Context, c *websocket.Conn) {
		conns <- c
		for range c.Messages(ctx) { // somebody has to read
		}
	})
	defer srv.Close()
	var clients, members []*websocket.Conn
	for range n {
		c, err := websocket.Dial(ctx, srv.URL, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer c.CloseNow()
		clients = append(clients, c)
		members = append(members, <-conns)
	}

	news, err := websocket.Prepare(websocket.Text, []byte("news for all"))
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range members {
		if err := c.TrySend(news); errors.Is(err, websocket.ErrQueueFull) {
			go c.Close(websocket.CloseTryAgainLater, "too slow")
		}
	}
	for _, c := range clients {
		_, msg, err := c.Read(ctx)
		fmt.Println(string(msg), err)
	}
	// Output:
	// news for all <nil>
	// news for all <nil>
	// news for all <nil>
}

// A message of any size is written and read as a stream.
func ExampleConn_NextWriter() {
	srv := serve(func(ctx context.Context, c *websocket.Conn) {
		w, err := c.NextWriter(ctx, websocket.Text)
		if err != nil {
			return
		}
		for i := range 100_000 {
			fmt.Fprintln(w, "line", i)
		}
		_ = w.Close()
	})
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, &websocket.DialOptions{ConnOptions: websocket.ConnOptions{ReadLimit: -1}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	_, r, err := c.NextReader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	lines := 0
	for s := bufio.NewScanner(r); s.Scan(); {
		lines++
	}
	fmt.Println(lines, "lines")
	// Output: 100000 lines
}

func ExampleConn_NextReader() {
	srv := serve(func(ctx context.Context, c *websocket.Conn) {
		_ = c.Write(ctx, websocket.Text, []byte("a long story that need not be read to its end"))
		_ = c.Write(ctx, websocket.Text, []byte("another"))
	})
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	for range 2 {
		typ, r, err := c.NextReader(ctx) // skips what is left of the one before
		if err != nil {
			log.Fatal(err)
		}
		head, err := io.ReadAll(io.LimitReader(r, 7))
		fmt.Println(typ, string(head), err)
	}
	// Output:
	// text a long  <nil>
	// text another <nil>
}

// NetConn carries a protocol that was made for TCP.
func ExampleNetConn() {
	srv := serve(func(ctx context.Context, c *websocket.Conn) {
		nc := websocket.NetConn(ctx, c, websocket.Binary)
		defer nc.Close()
		r := bufio.NewReader(nc)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprint(nc, strings.ToUpper(line))
		}
	})
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	nc := websocket.NetConn(ctx, c, websocket.Binary)
	defer nc.Close()
	fmt.Fprintln(nc, "hello")
	fmt.Fprintln(nc, "again")
	r := bufio.NewReader(nc)
	for range 2 {
		line, err := r.ReadString('\n')
		fmt.Print(line)
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// HELLO
	// AGAIN
}

// Reconnect comes back when the line breaks, and is done when either end closes
// normally.
func ExampleReconnect() {
	srv := serve(func(ctx context.Context, c *websocket.Conn) {
		_ = c.Write(ctx, websocket.Text, []byte("the news"))
	}) // which then closes with CloseNormal
	defer srv.Close()

	err := websocket.Reconnect(context.Background(), srv.URL, nil, func(ctx context.Context, c *websocket.Conn) error {
		for {
			_, msg, err := c.Read(ctx)
			if err != nil {
				return err // why the line broke
			}
			fmt.Println(string(msg))
		}
	})
	fmt.Println("done:", err)
	// Output:
	// the news
	// done: <nil>
}

// A limiter may be shared by any number of handlers.
func ExampleLimiter() {
	limit := &websocket.Limiter{Connections: 10_000, PerAddress: 1, HandshakesPerSecond: 10}
	srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		for range c.Messages(ctx) {
		}
	}, &websocket.AcceptOptions{Limiter: limit}))
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	_, err = websocket.Dial(ctx, srv.URL, nil)
	if refused, ok := errors.AsType[*websocket.HandshakeError](err); ok {
		fmt.Println(refused.Status, "while", limit.Open(), "is open")
	}
	// Output: 429 while 1 is open
}

// shout is an EventHandler that answers in capitals.
type shout struct{}

func (shout) OnOpen(*websocket.LoopConn) {}

func (shout) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	if err := c.Write(m.Type, bytes.ToUpper(m.Data)); err != nil {
		_ = c.Close(websocket.CloseInternalError, "")
	}
}

func (shout) OnClose(*websocket.LoopConn, *websocket.CloseError) {}

// A server that holds very many connections hands them to loops, one for each
// processor.
func ExampleLoop() {
	var loops []*websocket.Loop
	for range runtime.GOMAXPROCS(0) {
		l, err := websocket.NewLoop()
		if err != nil {
			fmt.Println(err)
			return
		}
		defer l.Shutdown(context.Background())
		loops = append(loops, l)
	}
	var next atomic.Uint32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		if _, err := loops[int(next.Add(1))%len(loops)].Attach(c, shout{}); err != nil {
			_ = c.CloseNow()
		}
	}))
	defer server.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(websocket.CloseNormal, "")
	if err := c.Write(ctx, websocket.Text, []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	_, answer, err := c.Read(ctx)
	fmt.Printf("%s %v\n", answer, err)
	// Output: HELLO <nil>
}
