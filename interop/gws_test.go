package interop

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/lxzan/gws"
)

var gwsDeflate = gws.PermessageDeflate{Enabled: true, ServerContextTakeover: true, ClientContextTakeover: true, Threshold: 1}

func TestGws(t *testing.T) {
	cannot := map[string]string{
		"fragments": "gws fragments only what it reads from a file, and only in pieces of 128 KiB",
		answered:    "gws lets go of the connection as soon as its Close is out",
	}
	t.Run("as client", func(t *testing.T) {
		run(t, asServer("gws", cannot, gwsDial))
	})
	t.Run("as server", func(t *testing.T) {
		run(t, goServer(t, "gws", cannot, func(w http.ResponseWriter, r *http.Request) (end, error) {
			e := newGwsEnd()
			o := &gws.ServerOption{CheckUtf8Enabled: true, PermessageDeflate: gwsDeflate}
			if r.Header.Get("Sec-WebSocket-Protocol") != "" { // gws refuses who offers none
				o.SubProtocols = []string{"second"}
			}
			c, err := gws.NewUpgrader(e, o).Upgrade(w, r)
			if err != nil {
				return nil, err
			}
			e.hold(c)
			return e, nil
		}))
	})
}

func gwsDial(t *testing.T, url string, subprotocols []string) end {
	e := newGwsEnd()
	header := http.Header{}
	if len(subprotocols) > 0 {
		header.Set("Sec-WebSocket-Protocol", strings.Join(subprotocols, ", "))
	}
	c, resp, err := gws.NewClient(e, &gws.ClientOption{Addr: url, RequestHeader: header, CheckUtf8Enabled: true, PermessageDeflate: gwsDeflate})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	e.hold(c)
	t.Cleanup(e.drop)
	return e
}

// gwsEnd is also the library's event handler.
type gwsEnd struct {
	gws.BuiltinEventHandler
	queue
	c    *gws.Conn
	mu   sync.Mutex // keeps the order between sends
	done chan struct{}
}

func newGwsEnd() *gwsEnd { return &gwsEnd{queue: newQueue(), done: make(chan struct{})} }

func (e *gwsEnd) hold(c *gws.Conn) {
	e.c = c
	go func() {
		defer close(e.done)
		c.ReadLoop()
	}()
}

func (e *gwsEnd) OnPing(c *gws.Conn, data []byte) {
	c.WritePong(data) // the reader reports a broken connection
}

func (e *gwsEnd) OnPong(_ *gws.Conn, data []byte) {
	e.queue <- event{kind: pong, data: append([]byte(nil), data...)}
}

func (e *gwsEnd) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	e.message(m.Opcode == gws.OpcodeBinary, append([]byte(nil), m.Bytes()...))
}

func (e *gwsEnd) OnClose(_ *gws.Conn, err error) {
	if ce, ok := err.(*gws.CloseError); ok { //nolint:errorlint // it comes unwrapped, by the library's documentation
		e.queue <- event{kind: closed, code: int(ce.Code), reason: string(ce.Reason)}
		return
	}
	e.queue <- event{kind: failure, reason: err.Error()}
}

func (e *gwsEnd) subprotocol() string { return e.c.SubProtocol() }

func (e *gwsEnd) send(binary bool, fragments ...[]byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	op := gws.OpcodeText
	if binary {
		op = gws.OpcodeBinary
	}
	return e.c.WriteMessage(op, fragments[0])
}

func (e *gwsEnd) ping(data []byte) error { return e.c.WritePing(data) }

func (e *gwsEnd) close(code int, reason string) error {
	return e.c.WriteClose(uint16(code), []byte(reason))
}

func (e *gwsEnd) drop() {
	e.c.NetConn().Close()
	<-e.done
}
