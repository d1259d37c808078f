package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	openline "github.com/openline/openline/websocket"
)

// readLimit lets the largest message of the scenarios in.
const readLimit = 16 << 20

// server serves WebSocket echoes on a listener.
type server struct {
	name  string
	serve func(net.Listener) error
}

func servers() []server {
	return []server{
		{reference, openlineLoop},
		{"openline blocking", openlineBlocking},
		{"gorilla", gorillaServer},
		{"gws", gwsServer},
		{"coder", coderServer},
		{"gobwas", gobwasServer},
		{"nbio", nbioServer},
		{"raw Go", rawGo},
	}
}

func serverNames() (list []string) {
	for _, s := range servers() {
		list = append(list, s.name)
	}
	return append(list, "raw C")
}

func serve(name string) error {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	for _, s := range servers() {
		if s.name == name {
			if name != "nbio" {
				fmt.Println(l.Addr())
			}
			return s.serve(l)
		}
	}
	return fmt.Errorf("there is no server %q", name)
}

type echo struct{}

func (echo) OnOpen(*openline.LoopConn) {}

func (echo) OnMessage(c *openline.LoopConn, m openline.Message) { _ = c.Write(m.Type, m.Data) }

func (echo) OnClose(*openline.LoopConn, *openline.CloseError) {}

func openlineLoop(l net.Listener) error {
	loops := make([]*openline.Loop, runtime.GOMAXPROCS(0))
	for i := range loops {
		var err error
		if loops[i], err = openline.NewLoop(); err != nil {
			return err
		}
	}
	next := 0
	o := &openline.AcceptOptions{ConnOptions: openline.ConnOptions{ReadLimit: readLimit}}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := openline.Accept(w, r, o)
		if err != nil {
			return
		}
		next++ // a race decides between loops, no more
		if _, err := loops[next%len(loops)].Attach(c, echo{}); err != nil {
			_ = c.CloseNow()
		}
	}))
}

func openlineBlocking(l net.Listener) error {
	o := &openline.AcceptOptions{ConnOptions: openline.ConnOptions{ReadLimit: readLimit}}
	return http.Serve(l, openline.Handle(func(ctx context.Context, c *openline.Conn) {
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return
			}
		}
	}, o))
}

func gorillaServer(l net.Listener) error {
	var u websocket.Upgrader
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		for {
			typ, data, err := c.ReadMessage()
			if err != nil || c.WriteMessage(typ, data) != nil {
				return
			}
		}
	}))
}

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer func() { _ = m.Close() }()
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}

func gwsServer(l net.Listener) error {
	u := gws.NewUpgrader(gwsEcho{}, &gws.ServerOption{ReadMaxPayloadSize: readLimit})
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			go c.ReadLoop()
		}
	}))
}

func coderServer(l net.Listener) error {
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(readLimit)
		for {
			typ, data, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), typ, data) != nil {
				return
			}
		}
	}))
}

func gobwasServer(l net.Listener) error {
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			if _, err := ws.Upgrade(nc); err != nil {
				return
			}
			for {
				data, op, err := wsutil.ReadClientData(nc)
				if err != nil || wsutil.WriteServerMessage(nc, op, data) != nil {
					return
				}
			}
		}()
	}
}

func rawGo(l net.Listener) error {
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			b := make([]byte, 64<<10)
			for {
				n, err := nc.Read(b)
				if err != nil {
					return
				}
				if _, err := nc.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}
