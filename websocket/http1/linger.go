package http1

import (
	"errors"
	"time"
)

const (
	lingerBytes = 4 << 20
	lingerTime  = 2 * time.Second
)

type closeWriter interface{ CloseWrite() error }

// CloseWrite is what net/http calls when it leaves a body unread and so the peer may still be sending; the Close that follows is then staged.
func (c *conn) CloseWrite() error {
	cw, ok := c.inner.(closeWriter)
	if !ok {
		return errors.ErrUnsupported
	}
	c.halfShut.Store(true)
	return cw.CloseWrite()
}

// Close closes the connection, in stages (RFC 9112 §9.6) if the peer may still be sending: a TCP stack that gets data for a closed socket
// sends a reset, and that destroys the answer in the peer's buffer. A second Close cuts the first short.
func (c *conn) Close() error {
	if c.served.Swap(false) && (c.ending.Load() || c.inBody.Load() || c.halfShut.Load()) {
		c.drain()
	}
	return c.inner.Close()
}

func (c *conn) drain() {
	cw, ok := c.inner.(closeWriter)
	if !ok {
		return
	}
	c.inner.SetDeadline(time.Now().Add(lingerTime))
	if cw.CloseWrite() != nil {
		return
	}
	// Over TLS, CloseWrite has moved the write deadline; the read deadline stands.
	b := buffers.Get().(*[pooledBuffer]byte)
	defer buffers.Put(b)
	for total := 0; total < lingerBytes; {
		n, err := c.inner.Read(b[:])
		if err != nil {
			return
		}
		total += n
	}
}
