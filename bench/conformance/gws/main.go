// Command gws is an echo made of github.com/lxzan/gws, in the way of its
// examples: a handler whose OnMessage writes, and whose OnPing answers.
// Compression is on, with context takeover, and so is CheckUtf8Enabled.
package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/lxzan/gws"

	"github.com/openline/openline/bench/conformance/internal/end"
)

func main() { end.Main(end.HTTP(serve), connect) }

func deflate(k end.Knobs) gws.PermessageDeflate {
	if k.NoDeflate {
		return gws.PermessageDeflate{}
	}
	return gws.PermessageDeflate{Enabled: true, ServerContextTakeover: true, ClientContextTakeover: true}
}

// upgraders has an Upgrader for each set of settings, since it holds pools.
var upgraders sync.Map

type settings struct {
	limit        int64
	plain        bool
	subprotocols bool
}

func upgrader(s settings, k end.Knobs) *gws.Upgrader {
	if u, ok := upgraders.Load(s); ok {
		return u.(*gws.Upgrader)
	}
	o := &gws.ServerOption{
		CheckUtf8Enabled:    true,
		PermessageDeflate:   deflate(k),
		ReadMaxPayloadSize:  int(k.Limit),
		WriteMaxPayloadSize: end.Limit,
		Recovery:            gws.Recovery,
	}
	if s.subprotocols {
		o.SubProtocols = end.Subprotocols
	}
	u, _ := upgraders.LoadOrStore(s, gws.NewUpgrader(&echo{}, o))
	return u.(*gws.Upgrader)
}

func serve(w http.ResponseWriter, r *http.Request) {
	k := end.KnobsOf(r.URL)
	// Where SubProtocols is set, the package refuses whoever offers none.
	offers := r.Header.Get("Sec-WebSocket-Protocol") != ""
	c, err := upgrader(settings{k.Limit, k.NoDeflate, offers}, k).Upgrade(w, r)
	if err != nil {
		return // it has answered
	}
	go c.ReadLoop() // so that net/http's memory is given back, as the README says
}

func connect(_ context.Context, url string) error {
	k := end.Parse(url)
	if len(k.Subprotocols) > 0 {
		k.Header.Set("Sec-WebSocket-Protocol", strings.Join(k.Subprotocols, ", "))
	}
	h := &echo{}
	c, _, err := gws.NewClient(h, &gws.ClientOption{
		Addr:                url,
		RequestHeader:       k.Header,
		CheckUtf8Enabled:    true,
		PermessageDeflate:   deflate(k),
		ReadMaxPayloadSize:  int(k.Limit),
		WriteMaxPayloadSize: end.Limit,
		Recovery:            gws.Recovery,
	})
	if err != nil {
		return err
	}
	c.ReadLoop()
	return errors.New("closed")
}

type echo struct{ gws.BuiltinEventHandler }

func (*echo) OnPing(c *gws.Conn, payload []byte) { _ = c.WritePong(payload) }

func (*echo) OnMessage(c *gws.Conn, m *gws.Message) {
	_ = c.WriteMessage(m.Opcode, m.Bytes())
	_ = m.Close()
}
