package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// readLimit lets the largest message of the scenarios in.
const readLimit = 16 << 20

// mode is what a server does besides echoing.
type mode struct {
	deflate   bool              // it compresses
	broadcast bool              // it keeps a list of its connections, to broadcast to
	idle      bool              // memory is what counts
	publish   chan func([]byte) // takes the function that broadcasts, once
}

// peer is a server made with one library: an echo, which can broadcast and compress
// if it says so.
type peer struct {
	name      string
	goroutine bool // a goroutine a connection
	deflate   bool
	broadcast bool
	serve     func(net.Listener, *mode) error // serves until the listener fails
}

// The names of the servers that figures and bars speak of.
const (
	ourLoop     = "openline loop"
	ourBlocking = "openline blocking"
	rawC        = "raw C"
	rawGo       = "raw Go"
)

var peers = []peer{
	{name: ourLoop, deflate: true, broadcast: true, serve: serveLoop},
	{name: ourBlocking, goroutine: true, deflate: true, broadcast: true, serve: serveConn},
	{name: "gorilla", goroutine: true, deflate: true, broadcast: true, serve: serveGorilla},
	{name: "gws", goroutine: true, deflate: true, broadcast: true, serve: serveGws},
	{name: "coder", goroutine: true, deflate: true, broadcast: true, serve: serveCoder},
	{name: "gobwas", goroutine: true, deflate: true, broadcast: true, serve: serveGobwas},
	{name: "nbio", deflate: true, broadcast: true, serve: serveNbio},
	{name: rawGo, serve: serveRaw},
	{name: rawC}, // a program of its own
}

// isRaw tells whether the server echoes octets and knows no WebSocket.
func isRaw(name string) bool { return strings.HasPrefix(name, "raw") }

// serve is the process of a server. It prints its address and does what it is told,
// a line each, until its input ends.
func serve(name, as string) error {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	i := slices.IndexFunc(peers, func(p peer) bool { return p.name == name })
	if i < 0 || peers[i].serve == nil {
		return fmt.Errorf("there is no server %q", name)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	m := &mode{deflate: as == "deflate", broadcast: as == "broadcast", idle: as == "idle", publish: make(chan func([]byte), 1)}
	failed := make(chan error, 1)
	go func() { failed <- peers[i].serve(l, m) }()
	fmt.Println(l.Addr())
	go func() { failed <- obey(m) }()
	return <-failed
}

// obey does what the lines of the input say.
func obey(m *mode) error {
	var publish func([]byte)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		order, argument, _ := strings.Cut(in.Text(), " ")
		switch order {
		case "free": // collect garbage and give back what is free
			for range 3 { // what a pool holds survives one collection
				debug.FreeOSMemory()
			}
			fmt.Println("ok")
		case "mallocs": // how many allocations there have been
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			fmt.Println(s.Mallocs)
		case "broadcast": // send a text of so many octets to everybody
			size, err := strconv.Atoi(argument)
			if err != nil {
				return err
			}
			if publish == nil {
				publish = <-m.publish
			}
			publish([]byte(strings.Repeat("x", size)))
		default:
			return fmt.Errorf("an order that is none: %q", in.Text())
		}
	}
	return errors.New("the input has ended")
}

// room is the connections that are broadcast to. They stay: the process ends first.
type room[C any] struct {
	mu    sync.Mutex
	conns []C
}

// newRoom returns a room in which each is called for every connection of a broadcast,
// or nil when the server does not broadcast.
func newRoom[C any](m *mode, broadcast func(conns []C, payload []byte)) *room[C] {
	if !m.broadcast {
		return nil
	}
	r := &room[C]{}
	m.publish <- func(payload []byte) {
		r.mu.Lock()
		defer r.mu.Unlock()
		broadcast(r.conns, payload)
	}
	return r
}

func (r *room[C]) add(c C) {
	if r != nil {
		r.mu.Lock()
		r.conns = append(r.conns, c)
		r.mu.Unlock()
	}
}
