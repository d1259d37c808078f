package websocket

import (
	"bytes"
	"io"
	"net"
	"sync"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/mask"
)

// Trace is told what goes over a client's connection. Any of its functions may
// be nil. Sent and Received are each called in the order of the wire; they may
// be called at the same time as each other and must not use the connection. The
// slices are valid until the function returns.
type Trace struct {
	Request  func(head []byte) // the opening request as it was sent
	Response func(head []byte) // the response's header, and interim ones before it
	Sent     func(f Frame)
	Received func(f Frame)
}

// Frame is a frame as it stood on the wire (RFC 6455 §5.2).
type Frame struct {
	Fin, RSV1, RSV2, RSV3 bool
	Opcode                byte
	Masked                bool
	MaskKey               [4]byte
	Length                uint64 // of the payload, as declared
	Header                []byte // the header's octets
	Payload               []byte // unmasked, but not inflated; at most the first 64 KiB
}

// OpcodeName returns the name of the frame's opcode, such as "text".
func (f *Frame) OpcodeName() string { return frame.Opcode(f.Opcode).String() }

// tracePayload is how much of a payload is kept for a Trace.
const tracePayload = 64 << 10

func (t *Trace) wantsResponse() bool { return t != nil && t.Response != nil }

func (t *Trace) request(head []byte) {
	if t != nil && t.Request != nil {
		t.Request(head)
	}
}

func (t *Trace) response(seen, early []byte) {
	if t.wantsResponse() {
		t.Response(bytes.TrimSuffix(seen, early))
	}
}

// recorder keeps what is read through it.
type recorder struct {
	r    io.Reader
	on   bool
	seen []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.on {
		r.seen = append(r.seen, p[:n]...)
	}
	return n, err
}

// tap puts the trace between the connection and nc. early has been received
// already.
func (t *Trace) tap(nc net.Conn, early []byte) net.Conn {
	if t == nil || t.Sent == nil && t.Received == nil {
		return nc
	}
	c := &tappedConn{Conn: nc, sent: frameScanner{tell: t.Sent}, received: frameScanner{tell: t.Received}}
	c.received.write(early)
	return c
}

// tappedConn shows a Trace the octets that pass.
type tappedConn struct {
	net.Conn
	sent, received frameScanner
	ahead          int // octets that have been told of and were not written: a write was cut short, they come again
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.write(p[:n])
	return n, err
}

// Write tells of the frames first: a peer may be quick, and its answer is to be
// told of after what it answers.
func (c *tappedConn) Write(p []byte) (int, error) {
	told := max(c.ahead, len(p))
	c.sent.write(p[min(c.ahead, len(p)):])
	n, err := c.Conn.Write(p)
	c.ahead = told - n
	return n, err
}

func (c *tappedConn) CloseWrite() error {
	closeWrite(c.Conn)
	return nil
}

// frameScanner finds the frames in a stream of octets. It does not judge them
// beyond what keeps it from finding the next one.
type frameScanner struct {
	tell func(Frame)

	mu     sync.Mutex // guards the following
	header []byte
	frame  Frame
	left   uint64 // octets of payload to come
	lost   bool   // the stream is no sequence of frames
}

func (s *frameScanner) write(p []byte) {
	if s.tell == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 && !s.lost {
		if s.left == 0 {
			s.header = append(s.header, p[0])
			p = p[1:]
			h, n, err := frame.ParseHeader(s.header)
			if err != nil {
				s.lost = true
				return
			}
			if n == 0 {
				continue
			}
			s.frame = Frame{
				Fin: h.Fin, RSV1: h.RSV&frame.RSV1 != 0, RSV2: h.RSV&frame.RSV2 != 0, RSV3: h.RSV&frame.RSV3 != 0,
				Opcode: byte(h.Opcode), Masked: h.Masked, MaskKey: h.Key, Length: h.Length, Header: s.header,
			}
			s.left = h.Length
		}
		piece := p
		if uint64(len(piece)) > s.left {
			piece = piece[:s.left]
		}
		p = p[len(piece):]
		s.left -= uint64(len(piece))
		if room := tracePayload - len(s.frame.Payload); room > 0 {
			s.frame.Payload = append(s.frame.Payload, piece[:min(room, len(piece))]...)
		}
		if s.left == 0 {
			if s.frame.Masked {
				mask.Apply(s.frame.Payload, s.frame.MaskKey, 0)
			}
			s.tell(s.frame)
			s.header = nil
		}
	}
}
