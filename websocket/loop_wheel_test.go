package websocket_test

import (
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestLoopClockTurns: keep-alive and timeouts go on when the loop's clock begins
// anew, after 497 days.
func TestLoopClockTurns(t *testing.T) {
	for _, before := range []time.Duration{0, 20 * time.Millisecond, 40 * time.Millisecond, 100 * time.Millisecond} {
		loop, err := websocket.NewAgedLoop(websocket.LoopClockTurns - before)
		if err != nil {
			t.Fatal(err)
		}
		o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{PingInterval: 20 * time.Millisecond}}
		url := serveLoop(t, loop, o, func() websocket.EventHandler { return loopEcho{} })
		first := wstest.Connect(t, url)
		for range 8 { // some are asked before, some after
			wstest.Connect(t, url).ExpectPing()
		}
		first.ExpectPing()
		first.SendMessage(websocket.Text, []byte("Hello"))
		first.ExpectText("Hello")
	}
}
