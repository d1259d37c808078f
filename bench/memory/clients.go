package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"

	"github.com/openline/openline/websocket"
)

// clients are the connections to one server.
type clients struct {
	address  string
	conns    []*websocket.Conn
	received atomic.Int64 // bytes that came from the server
	plain    atomic.Int64 // bytes of the messages in them
}

// open opens n connections.
func (c *clients) open(ctx context.Context, n int) error {
	o := &websocket.DialOptions{
		ConnOptions: websocket.ConnOptions{
			PingInterval: -1, // idle is idle
			// What browsers offer: the server is free to choose the windows.
			Compression: &websocket.Compression{WindowBits: 15, PeerWindowBits: -1},
		},
		NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			return counted{nc, &c.received}, err
		},
	}
	for range n {
		conn, err := websocket.Dial(ctx, "ws://"+c.address+"/", o)
		if err != nil {
			return err
		}
		c.conns = append(c.conns, conn)
	}
	return nil
}

// talkers is how many connections are in use at a time.
const talkers = 8

// talk has each connection send so many messages and get them back.
func (c *clients) talk(ctx context.Context, messages int) error {
	var talking sync.WaitGroup
	failed := make([]error, talkers)
	for t := range talkers {
		talking.Go(func() {
			var buf []byte
			for m := range messages {
				for i := t; i < len(c.conns) && failed[t] == nil; i += talkers {
					buf, failed[t] = c.exchange(ctx, c.conns[i], event(i, m), buf)
				}
			}
		})
	}
	talking.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *clients) exchange(ctx context.Context, conn *websocket.Conn, msg, buf []byte) ([]byte, error) {
	if err := conn.Write(ctx, websocket.Text, msg); err != nil {
		return buf, err
	}
	_, buf, err := conn.ReadAppend(ctx, buf[:0])
	if err == nil && !bytes.Equal(buf, msg) {
		err = fmt.Errorf("got %q back for %q", buf, msg)
	}
	c.plain.Add(int64(len(msg)))
	return buf, err
}

func (c *clients) close() {
	for _, conn := range c.conns {
		_ = conn.CloseNow()
	}
}

// event is message m of a connection: JSON of some 170 bytes, of which most recurs.
func event(connection, m int) []byte {
	r := rand.New(rand.NewPCG(uint64(connection), uint64(m)))
	states := [...]string{"open", "filled", "cancelled", "rejected"}
	return fmt.Appendf(nil, `{"id":"%08x","type":"order:update","channel":"desk-%d","time":"2026-11-22T10:%02d:%02d.%03dZ","data":{"user":"user-%d","price":%d.%02d,"amount":%d,"state":"%s"}}`,
		r.Uint32(), r.IntN(5), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(1000), r.IntN(500), r.IntN(100), r.IntN(10000), states[r.IntN(len(states))])
}

// counted counts what is read.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}
