package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestSlowPeerLearnsWhy: a peer whose queue has run full and that resumes within
// WriteTimeout gets what was on its way and then the Close frame, though that is
// longer than CloseTimeout; from the frame on it has CloseTimeout to answer.
func TestSlowPeerLearnsWhy(t *testing.T) {
	for _, answers := range []bool{true, false} {
		t.Run(fmt.Sprintf("answers=%t", answers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1, QueueMessages: 10})
				peer := wstest.NewPeer(t, there, false)
				sent := 0
				for err := error(nil); !errors.Is(err, websocket.ErrQueueFull); synctest.Wait() {
					if err = conn.TrySend(prepare(t, fmt.Sprint(sent))); err == nil {
						sent++
					}
				}
				closed := make(chan error, 1)
				go func() { closed <- conn.Close(4008, "slow consumer") }()
				time.Sleep(12 * time.Second) // more than CloseTimeout
				for i := range sent - 10 {   // what had left the queue; the rest was dropped
					peer.ExpectText(fmt.Sprint(i))
				}
				if reason := peer.ExpectClose(4008); reason != "slow consumer" {
					t.Errorf("reason %q", reason)
				}
				since := time.Now()
				if answers {
					peer.SendClose(4008, "")
				}
				err := <-closed
				if took := time.Since(since); answers && (err != nil || took != 0) || !answers && (err == nil || took != 5*time.Second) {
					t.Errorf("Close: %v, %s after its frame", err, took)
				}
				_ = there.Close()
			})
		})
	}
}

// brokenConn cannot be written to.
type brokenConn struct{ net.Conn }

func (brokenConn) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestWriteToABrokenSocketEndsWithItsContext: who writes where nothing can be
// written does not wait longer than he said for the reader to find out why.
func TestWriteToABrokenSocketEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		c := websocket.NewTestConn(brokenConn{here}, true, &websocket.ConnOptions{PingInterval: -1})
		read := make(chan error, 1)
		go func() {
			_, _, err := c.Read(t.Context())
			read <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := c.Write(ctx, websocket.Text, []byte("x"))
		if took := time.Since(start); err == nil || took != 50*time.Millisecond {
			t.Errorf("Write: %v after %s", err, took)
		}
		if err := <-read; websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Error(err)
		}
		_ = there.Close()
	})
}
