package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/http1"
)

// echoer sends each message back.
type echoer struct{}

// OnOpen implements websocket.EventHandler.
func (echoer) OnOpen(*websocket.LoopConn) {}

// OnMessage implements websocket.EventHandler. An answer fits the queue of a peer that
// reads; a healthy one notices when it is cut off.
func (echoer) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	if err := c.Write(m.Type, m.Data); err != nil {
		_ = c.CloseNow()
	}
}

// OnClose implements websocket.EventHandler.
func (echoer) OnClose(*websocket.LoopConn, *websocket.CloseError) {}

// serveEcho is the process of the echo server. It prints its address, and does what
// the lines of its input say, until SIGTERM.
func serveEcho() error {
	loops := make([]*websocket.Loop, runtime.GOMAXPROCS(0))
	for i := range loops {
		var err error
		if loops[i], err = websocket.NewLoop(); err != nil {
			return err
		}
	}
	a, err := websocket.NewAcceptor(&websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{
		ReadLimit: maxMessage, MaxFragments: 1000, PingInterval: time.Second, PongTimeout: 10 * time.Second, StallTimeout: 15 * time.Second, WriteTimeout: 10 * time.Second,
	}})
	if err != nil {
		return err
	}
	var turn atomic.Uint32
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.Accept(w, r)
		if err != nil {
			return
		}
		if _, err := loops[int(turn.Add(1))%len(loops)].Attach(c, echoer{}); err != nil {
			_ = c.CloseNow()
		}
	})}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- http1.Serve(s, l, &http1.Options{HeaderTimeout: 5 * time.Second}) }()
	fmt.Println(l.Addr())
	go obey(loops)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err = nil
	for _, l := range loops {
		err = errors.Join(err, l.Shutdown(ctx))
	}
	return errors.Join(err, s.Shutdown(ctx))
}

// obey does what the lines of the input say.
func obey(loops []*websocket.Loop) {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "state":
			n := 0
			for _, l := range loops {
				n += l.Len()
			}
			fmt.Println(n, runtime.NumGoroutine())
		case "free":
			for range 3 { // what a pool holds survives one collection
				debug.FreeOSMemory()
			}
			fmt.Println("ok")
		}
	}
}
