package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"
	"net"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// serveGobwas upgrades on the net.Conn itself, without net/http: the zero-copy
// upgrade. Messages are read and written with the low-level functions: a header and
// its payload through one buffered reader, the payload into a buffer that is used
// again, unmasked there and sent with its header in one write. That costs less than
// wsutil, which reads a header in three pieces. For the idle connections the reader has a
// buffer of 256 octets. A broadcast is a compiled frame.
func serveGobwas(l net.Listener, m *mode) error {
	all := newRoom(m, func(conns []net.Conn, payload []byte) {
		frame := ws.MustCompileFrame(ws.NewTextFrame(payload))
		for _, c := range conns {
			_, _ = c.Write(frame)
		}
	})
	buffer := 4096
	if m.idle {
		buffer = 256
	}
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			u := ws.Upgrader{}
			if m.deflate {
				e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
				u.Negotiate = e.Negotiate
			}
			if _, err := u.Upgrade(nc); err != nil {
				return
			}
			all.add(nc)
			e := gobwasEcho{nc: nc, in: bufio.NewReaderSize(nc, buffer)}
			if m.deflate {
				e.compress()
			}
			for e.next() == nil {
			}
		}()
	}
}

// gobwasEcho is one connection.
type gobwasEcho struct {
	nc  net.Conn
	in  *bufio.Reader
	fr  *wsflate.Reader
	fw  *wsflate.Writer
	out bytes.Buffer // for a header, or what is compressed
	h   [ws.MaxHeaderSize]byte
}

// compress sets up one inflater and one deflater for the connection, as the
// documentation has it for those who care for speed. The level is the fastest, which
// is what the other libraries have by default.
func (e *gobwasEcho) compress() {
	e.fr = wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	e.fw = wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, err := flate.NewWriter(w, flate.BestSpeed)
		if err != nil {
			panic(err)
		}
		return f
	})
}

var gobwasBuffers = sync.Pool{New: func() any { return new([]byte) }}

// next echoes one message. The load sends each in one frame.
func (e *gobwasEcho) next() error {
	h, err := ws.ReadHeaderBuffer(e.in, e.h[:])
	if err != nil {
		return err
	}
	p := gobwasBuffers.Get().(*[]byte)
	defer gobwasBuffers.Put(p)
	answer := ws.Header{Fin: true, Rsv: h.Rsv, OpCode: h.OpCode, Length: h.Length}
	head := ws.HeaderSize(answer)
	if size := head + int(h.Length); cap(*p) < size {
		*p = make([]byte, size)
	}
	b := (*p)[:head+int(h.Length)]
	if _, err := io.ReadFull(e.in, b[head:]); err != nil {
		return err
	}
	ws.Cipher(b[head:], h.Mask, 0)
	if e.fr != nil {
		return e.again(answer, b[head:])
	}
	e.out = *bytes.NewBuffer(b[:0])
	if err := ws.WriteHeaderBuffer(&e.out, answer, e.h[:]); err != nil {
		return err
	}
	_, err = e.nc.Write(b)
	return err
}

// again inflates a message and sends it compressed anew.
func (e *gobwasEcho) again(h ws.Header, payload []byte) error {
	e.fr.Reset(bytes.NewReader(payload))
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(e.fr); err != nil {
		return err
	}
	e.out.Reset()
	e.fw.Reset(&e.out)
	if _, err := e.fw.Write(b.Bytes()); err != nil {
		return err
	}
	if err := e.fw.Close(); err != nil {
		return err
	}
	h.Length = int64(e.out.Len())
	b.Reset()
	if err := ws.WriteHeaderBuffer(b, h, e.h[:]); err != nil {
		return err
	}
	_, _ = b.Write(e.out.Bytes())
	_, err := e.nc.Write(b.Bytes())
	return err
}
