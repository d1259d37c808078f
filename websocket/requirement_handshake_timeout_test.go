package websocket_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket/http1"
)

// pipeListener is a listener without a network, for tests in which time is
// testing/synctest's.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	here, there := net.Pipe()
	l.conns <- there
	return here
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// testHalfOpen: a handshake that does not get ahead is cut off when its time is
// over, however its octets trickle in.
func testHalfOpen(t *testing.T) {
	for _, o := range []*http1.Options{nil, {HeaderTimeout: 3 * time.Second}} {
		limit := 10 * time.Second
		if o != nil {
			limit = o.HeaderTimeout
		}
		for name, send := range map[string]func(net.Conn){
			"nothing": func(net.Conn) {},
			"all but the last LF": func(nc net.Conn) {
				io.WriteString(nc, strings.TrimSuffix(baseRequest, "\n"))
			},
			"an octet a second": func(nc net.Conn) {
				for i := range len(baseRequest) {
					if _, err := io.WriteString(nc, baseRequest[i:i+1]); err != nil {
						return
					}
					<-time.After(time.Second)
				}
			},
		} {
			t.Run(limit.String()+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newPipeListener()
					newStack(t, stackOptions{listen: l, guard: o})
					nc := l.dial()
					var sending sync.WaitGroup
					defer sending.Wait()
					defer nc.Close()
					begin := time.Now()
					sending.Go(func() { send(nc) })
					resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
					if spent := time.Since(begin); spent != limit {
						t.Errorf("cut off after %v, want %v", spent, limit)
					}
					if name == "nothing" {
						if err != io.ErrUnexpectedEOF {
							t.Errorf("want a plain close, got %v", err)
						}
						return
					}
					if err != nil || resp.StatusCode != http.StatusRequestTimeout || !resp.Close {
						t.Errorf("want 408 and close, got %v, %v", resp, err)
					}
				})
			})
		}
	}
}
