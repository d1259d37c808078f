package transport

import (
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/openline/openline/websocket/http1"
)

// A pipe carries the body of an answer that does not end. Its write and end are called by
// one goroutine at a time, abort by any.
type pipe interface {
	// write sends b[chunkHead:] at once, and returns b's memory.
	write(b []byte) ([]byte, error)
	// end ends the body in order.
	end() error
	// hurry has what is written from now on, and is being written, take little time: the
	// end is near.
	hurry()
	// abort ends the connection, or the answer, whatever state it is in.
	abort()
}

// chunkHead is room for the size of a chunk in front of its data: five digits and CRLF.
const chunkHead = 7

// mostUnsent is about how much the system keeps for a client that reads nothing, beside what is on its way: as for a WebSocket.
const mostUnsent = 128 << 10

// openPipe begins the answer whose header is w's. Over HTTP/1 the connection is taken over,
// so that of net/http's memory for a request nothing stays; it is returned then.
func openPipe(w http.ResponseWriter, r *http.Request, stall time.Duration) (pipe, net.Conn) {
	control := http.NewResponseController(w)
	if r.ProtoMajor == 1 {
		if nc, _, err := control.Hijack(); err == nil { // what has been sent ahead is not answered
			nc, _ = http1.Detach(nc)
			_ = nc.SetDeadline(time.Time{})
			noticeVanished(nc, stall)
			boundUnsent(nc, mostUnsent)
			p := &connPipe{nc: nc, stall: stall, chunked: r.ProtoAtLeast(1, 1)}
			p.head = appendHead(nil, w.Header(), p.chunked)
			return p, nc
		}
	}
	_ = control.SetReadDeadline(time.Time{}) // they are for ordinary requests, and would end this one
	_ = control.SetWriteDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	return &answerPipe{w: w, control: control, stall: stall}, nil
}

// appendHead adds the header section of an answer.
func appendHead(b []byte, fields http.Header, chunked bool) []byte {
	b = append(b, "HTTP/1.0 200 OK\r\n"...)
	if chunked {
		b[len("HTTP/1.")] = '1'
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	b = append(b, "Connection: close\r\nDate: "...)
	b = append(time.Now().UTC().AppendFormat(b, http.TimeFormat), '\r', '\n')
	var more headWriter = b
	_ = fields.Write(&more) // to memory; it keeps line breaks out
	return append(more, '\r', '\n')
}

type headWriter []byte

func (w *headWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// connPipe is an HTTP/1 connection.
type connPipe struct {
	nc      net.Conn
	head    []byte // the header section, until it has been sent
	chunked bool

	mu    sync.Mutex
	stall time.Duration // guarded by mu, with the deadline that follows from it
}

func (p *connPipe) write(b []byte) ([]byte, error) {
	out := b[chunkHead:]
	if p.chunked { // RFC 9112 §7.1
		var size [chunkHead]byte
		line := append(strconv.AppendInt(size[:0], int64(len(out)), 16), '\r', '\n')
		from := chunkHead - len(line)
		copy(b[from:], line)
		b = append(b, '\r', '\n')
		out = b[from:]
	}
	if p.head != nil {
		out, p.head = append(p.head, out...), nil
	}
	return b, p.send(out)
}

func (p *connPipe) send(b []byte) error {
	p.mu.Lock()
	err := p.nc.SetWriteDeadline(time.Now().Add(p.stall))
	p.mu.Unlock()
	if err != nil {
		return err
	}
	_, err = p.nc.Write(b)
	return err
}

// hurryTime is the stall time of a session that is being closed, as it is a WebSocket's.
const hurryTime = 5 * time.Second

func (p *connPipe) hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stall = min(p.stall, hurryTime)
	_ = p.nc.SetWriteDeadline(time.Now().Add(p.stall))
}

func (p *connPipe) end() error {
	b := p.head
	if p.chunked {
		b = append(b, "0\r\n\r\n"...)
	}
	if len(b) > 0 {
		if err := p.send(b); err != nil {
			return err
		}
	}
	return p.nc.Close()
}

// abort resets the connection, so that the system keeps nothing for a client that takes
// nothing.
func (p *connPipe) abort() {
	if tcp, ok := p.nc.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = p.nc.Close()
}

// answerPipe is the body of a handler's answer, as over HTTP/2, which keeps the handler.
type answerPipe struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu      sync.Mutex // guards the following
	stall   time.Duration
	writing bool
	aborted bool
}

func (p *answerPipe) write(b []byte) ([]byte, error) {
	p.mu.Lock()
	if p.aborted {
		p.mu.Unlock()
		return b, net.ErrClosed
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.stall))
	p.writing = true
	p.mu.Unlock()
	if _, err := p.w.Write(b[chunkHead:]); err != nil {
		return b, err
	}
	if err := p.control.Flush(); err != nil {
		return b, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing = false; !p.aborted {
		_ = p.control.SetWriteDeadline(time.Time{}) // over HTTP/2 it would count while nothing is written
	}
	return b, nil
}

func (p *answerPipe) hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stall = min(p.stall, hurryTime)
	if p.writing && !p.aborted {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.stall))
	}
}

func (p *answerPipe) end() error { return nil } // when the handler returns

func (p *answerPipe) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.aborted {
		p.aborted = true
		_ = p.control.SetWriteDeadline(time.Unix(1, 0))
	}
}
