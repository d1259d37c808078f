// Command gobwas is an echo made of github.com/gobwas/ws, with wsutil's Reader,
// Writer and control handler and with wsflate, in the way of its README and of
// its example: compression without context takeover, which is what wsflate's
// DefaultParameters say. CheckUTF8 is on; where compression was agreed, wsutil's
// UTF8Reader looks at what comes out of it instead.
package main

import (
	"compress/flate"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"

	"github.com/openline/openline/bench/conformance/internal/end"
)

func main() { end.Main(end.HTTP(serve), connect) }

func serve(w http.ResponseWriter, r *http.Request) {
	k := end.KnobsOf(r.URL)
	e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == end.Subprotocols[0] || p == end.Subprotocols[1] }}
	if !k.NoDeflate {
		up.Negotiate = e.Negotiate
	}
	c, rw, _, err := up.Upgrade(r, w)
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return // it has answered
	}
	_, deflate := e.Accepted()
	fail(c, ws.StateServerSide, echo(c, rw, ws.StateServerSide, deflate, k))
}

func connect(ctx context.Context, url string) error {
	k := end.Parse(url)
	d := ws.Dialer{Protocols: k.Subprotocols, Header: ws.HandshakeHeaderHTTP(k.Header)}
	if !k.NoDeflate {
		d.Extensions = []httphead.Option{wsflate.DefaultParameters.Option()}
	}
	c, early, hs, err := d.Dial(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close()
	var src io.Reader = c
	if early != nil {
		src = early
	}
	deflate, err := agreed(hs.Extensions)
	if err != nil {
		return err
	}
	err = echo(c, src, ws.StateClientSide, deflate, k)
	fail(c, ws.StateClientSide, err)
	return err
}

// ended is why a control frame ended the connection: a Close, or one that is
// wrong. The package has sent what there is to send.
type ended struct{ why string }

func (e ended) Error() string { return e.why }

// agreed looks at a server's answer, which the Dialer leaves to the application.
func agreed(answer []httphead.Option) (deflate bool, err error) {
	if len(answer) == 0 {
		return false, nil
	}
	var p wsflate.Parameters
	if err := p.Parse(answer[0]); err != nil {
		return false, err
	}
	if len(answer) > 1 || !p.ServerNoContextTakeover || p.ClientMaxWindowBits.Defined() {
		return false, errors.New("not what was offered")
	}
	return true, nil
}

func echo(c net.Conn, src io.Reader, state ws.State, deflate bool, k end.Knobs) error {
	answer := wsutil.ControlFrameHandler(c, state)
	control := func(h ws.Header, r io.Reader) error {
		if err := answer(h, r); err != nil {
			return ended{err.Error()}
		}
		return nil
	}
	var msg wsflate.MessageState
	rd := &wsutil.Reader{Source: src, State: state, CheckUTF8: !deflate, MaxMessageSize: k.Limit, OnIntermediate: control}
	wr := wsutil.NewWriter(c, state, 0)
	if deflate {
		rd.State, rd.Extensions = state|ws.StateExtended, []wsutil.RecvExtension{&msg}
		wr = wsutil.NewWriter(c, state|ws.StateExtended, 0)
		wr.SetExtensions(&msg)
	}
	fr := wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	fw := wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestCompression) // the level is right
		return f
	})
	for {
		h, err := rd.NextFrame()
		if err != nil {
			return err
		}
		if h.OpCode.IsControl() {
			if err := control(h, rd); err != nil {
				return err
			}
			continue
		}
		var from io.Reader = rd
		if msg.IsCompressed() {
			fr.Reset(rd)
			from = io.LimitReader(fr, k.Limit+1) // MaxMessageSize counts what is on the wire
		}
		text := wsutil.NewUTF8Reader(from)
		if deflate && h.OpCode == ws.OpText {
			from = text
		}
		data, err := io.ReadAll(from)
		switch {
		case err != nil:
			return err
		case !text.Valid():
			return wsutil.ErrInvalidUTF8
		case int64(len(data)) > k.Limit:
			return wsutil.ErrMessageTooLarge
		}
		wr.ResetOp(h.OpCode)
		var to io.Writer = wr
		if msg.IsCompressed() {
			fw.Reset(wr)
			to = fw
		}
		if _, err := to.Write(data); err != nil {
			return err
		}
		if msg.IsCompressed() {
			if err := fw.Close(); err != nil {
				return err
			}
		}
		if err := wr.Flush(); err != nil {
			return err
		}
	}
}

// fail sends the Close that fits err, if err is the peer's fault, and waits a
// moment for the peer to close; the package leaves that to the application.
func fail(c net.Conn, state ws.State, err error) {
	var code ws.StatusCode
	var protocol ws.ProtocolError
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &protocol):
		code = ws.StatusProtocolError
	case errors.Is(err, wsutil.ErrInvalidUTF8), errors.As(err, &corrupt):
		code = ws.StatusInvalidFramePayloadData
	case errors.Is(err, wsutil.ErrMessageTooLarge), errors.Is(err, wsutil.ErrFrameTooLarge):
		code = ws.StatusMessageTooBig
	default:
		return
	}
	f := ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))
	if state.ClientSide() {
		f = ws.MaskFrameInPlace(f)
	}
	if ws.WriteFrame(c, f) != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = io.Copy(io.Discard, c)
}
