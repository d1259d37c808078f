package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// patience is how long a server that has to do something may take, on a machine
// that has much else to do.
const patience = 20 * time.Second

// line is a connection of one peer, healthy or not. It belongs to one goroutine.
type line struct {
	t       *target
	rng     *rand.Rand
	nc      *net.TCPConn
	r       *bufio.Reader
	partial []byte // of a message in frames
	kind    byte   // of that message
	inside  bool
	mute    bool // it answers no Ping
	pongs   [][]byte
	stop    func() bool // the end of the run ends the connection no more
}

// closedError is a Close frame from the server.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string { return fmt.Sprintf("closed with %d %q", e.code, e.reason) }

// dial opens a TCP connection, which ends with ctx.
func (t *target) dial(ctx context.Context, rng *rand.Rand) (*line, error) {
	d := net.Dialer{Timeout: patience, KeepAlive: -1}
	if rng.IntN(2) == 0 { // one of several loopback addresses
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+rng.IntN(8)))}
	}
	c, err := d.DialContext(ctx, "tcp4", t.node.Address)
	if err != nil {
		return nil, err
	}
	return &line{
		t: t, rng: rng, nc: c.(*net.TCPConn), r: bufio.NewReaderSize(c, 1<<10),
		stop: context.AfterFunc(ctx, func() { _ = c.Close() }),
	}, nil
}

// request is an opening request (RFC 6455 §4.1).
func (t *target) request(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + t.node.Address + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
}

// open opens a session: the WebSocket, and with it sys:open where there are
// envelopes. early is sent right behind the request.
func (t *target) open(ctx context.Context, rng *rand.Rand, path string, early []byte) (*line, error) {
	l, err := t.dial(ctx, rng)
	if err != nil {
		return nil, err
	}
	if err := l.write(append([]byte(t.request(path)), early...)); err != nil {
		l.end()
		return nil, err
	}
	if err := l.upgraded(); err != nil {
		l.end()
		return nil, err
	}
	return l, nil
}

// upgraded reads the answer to the opening request.
func (l *line) upgraded() error {
	_ = l.nc.SetReadDeadline(time.Now().Add(patience))
	answer, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return fmt.Errorf("no answer to the opening request: %w", err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 300))
		return fmt.Errorf("the opening was answered with %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	return nil
}

// write sends octets as they are.
func (l *line) write(b []byte) error {
	_ = l.nc.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.nc.Write(b)
	return err
}

// writeInPieces sends octets cut anywhere.
func (l *line) writeInPieces(b []byte) error {
	for len(b) > 0 {
		n := len(b)
		if l.rng.IntN(3) == 0 {
			n = 1 + l.rng.IntN(len(b))
		}
		if err := l.write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// send sends a message, sometimes in several frames.
func (l *line) send(opcode byte, payload []byte) error {
	var b []byte
	for l.rng.IntN(4) == 0 && len(b) < 1<<10 {
		n := l.rng.IntN(len(payload) + 1)
		b = appendFrame(b, opcode, payload[:n], l.key())
		if l.rng.IntN(4) == 0 { // a control frame between the parts (RFC 6455 §5.4)
			b = appendFrame(b, fin|opPong, nil, l.key())
		}
		opcode, payload = opContinue, payload[n:]
	}
	return l.writeInPieces(appendFrame(b, fin|opcode, payload, l.key()))
}

func (l *line) key() (key [4]byte) {
	for i := range key {
		key[i] = byte(l.rng.Uint32())
	}
	return key
}

// next returns the next message before the time, and answers Pings on the way. A
// Close is a closedError.
func (l *line) next(until time.Time) (opcode byte, payload []byte, err error) {
	_ = l.nc.SetReadDeadline(until)
	for {
		f, err := readFrame(l.r)
		if err != nil {
			return 0, nil, err
		}
		switch op := f.opcode(); op {
		case opPing:
			if !l.mute {
				_ = l.write(appendFrame(nil, fin|opPong, f.payload, l.key())) // the next read tells
			}
		case opPong:
			l.pongs = append(l.pongs, f.payload)
		case opClose:
			return 0, nil, &closedError{closeCode(f.payload), string(f.payload[min(2, len(f.payload)):])}
		case opText, opBinary, opContinue:
			if (op == opContinue) != l.inside {
				return 0, nil, errors.New("the server mixed up the frames of a message")
			}
			if op != opContinue {
				l.kind = op
			}
			if l.inside = f.first&fin == 0; l.inside {
				l.partial = append(l.partial, f.payload...)
				continue
			}
			payload, l.partial = append(l.partial, f.payload...), nil
			return l.kind, payload, nil
		default:
			return 0, nil, fmt.Errorf("the server sent a frame with the opcode %d", op)
		}
	}
}

// expectClose reads until the server closes the WebSocket, whatever comes before,
// and returns the code.
func (l *line) expectClose(within time.Duration) (int, error) {
	until := time.Now().Add(within)
	for {
		_, _, err := l.next(until)
		if c, ok := errors.AsType[*closedError](err); ok {
			return c.code, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// expectEnd reads until the server has closed the connection. A reset is an end.
func (l *line) expectEnd(within time.Duration) error {
	_ = l.nc.SetReadDeadline(time.Now().Add(within))
	_, err := io.Copy(io.Discard, l.r)
	if err == nil || isReset(err) {
		return nil
	}
	return fmt.Errorf("the server did not end the connection within %v: %w", within, err)
}

// end closes the connection.
func (l *line) end() {
	l.stop()
	_ = l.nc.Close()
}

// reset ends the connection with a RST.
func (l *line) reset() {
	_ = l.nc.SetLinger(0)
	l.end()
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// pause lets some time pass, in which nothing is read.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// text makes a text of a length.
func text(n int) string { return strings.Repeat("Zeile ", n/6+1)[:n] }
