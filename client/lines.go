package client

import (
	"bytes"
	"errors"
	"io"
)

// errTooLong is for a line or an event beyond Options.MaxMessage.
var errTooLong = errors.New("client: the server sent a message larger than Options.MaxMessage: raise that")

// lines cuts a stream into lines, of limited length, wherever the network has cut
// it. What stands behind the last end of line is dropped: it was cut off.
type lines struct {
	r     io.Reader
	limit int
	cr    bool // CR and CRLF end a line too (WHATWG HTML §9.2.5)

	buf    []byte
	start  int // of what has not been given out
	seen   int // how far from start there is no end of line
	skipLF bool
	err    error
}

const (
	readSize   = 4 << 10
	keptBuffer = 64 << 10 // a larger one, made for a large line, is not kept
)

// next returns a line without its end; it is valid until the next call.
func (l *lines) next() ([]byte, error) {
	for {
		if l.skipLF && l.start < len(l.buf) {
			l.skipLF = false
			if l.buf[l.start] == '\n' {
				l.start++
			}
		}
		if i := l.end(); i >= 0 {
			line := l.buf[l.start:i]
			if len(line) > l.limit {
				return nil, errTooLong
			}
			l.skipLF = l.buf[i] == '\r'
			l.start, l.seen = i+1, 0
			return line, nil
		}
		l.seen = len(l.buf) - l.start
		if l.seen > l.limit {
			return nil, errTooLong
		}
		if l.err != nil {
			return nil, l.err
		}
		l.fill()
	}
}

// end returns where the first line ends, or -1.
func (l *lines) end() int {
	b := l.buf[l.start+l.seen:]
	var i int
	if l.cr {
		i = bytes.IndexAny(b, "\r\n")
	} else {
		i = bytes.IndexByte(b, '\n')
	}
	if i < 0 {
		return -1
	}
	return l.start + l.seen + i
}

// fill reads once.
func (l *lines) fill() {
	if l.start > 0 {
		rest := l.buf[l.start:]
		if cap(l.buf) > keptBuffer && len(rest) < readSize {
			l.buf = nil
		}
		l.buf = append(l.buf[:0], rest...)
		l.start = 0
	}
	if cap(l.buf)-len(l.buf) < readSize {
		grown := make([]byte, len(l.buf), 2*cap(l.buf)+2*readSize)
		copy(grown, l.buf)
		l.buf = grown
	}
	n, err := l.r.Read(l.buf[len(l.buf):cap(l.buf)])
	l.buf, l.err = l.buf[:len(l.buf)+n], err
}
