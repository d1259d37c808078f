package websocket_test

import (
	"testing"

	"github.com/openline/openline/websocket"
)

// RFC 6455 §7.4: close codes.

func init() {
	scripts("WS-7.4-01", "7.4-01-defined-codes")
	scripts("WS-7.4-02", "7.4-02-registered-codes")
	scripts("WS-7.4-03", "7.4-03-free-codes")
	scripts("WS-7.4-04", "7.4-04-codes-that-are-never-sent")
	scripts("WS-7.4-05", "7.4-05-codes-that-do-not-exist")
	requirement("WS-7.4-06", testCodesWeDoNotSend)
	requirement("WS-7.4-07", testServerSendsNo1010)
}

// testCodesWeDoNotSend: Close refuses what must not be on the wire, and the
// connection goes on. CloseNoStatus stands for a frame without a code.
func testCodesWeDoNotSend(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		b := newBench(t, echoing, websocket.ConnOptions{})
		e := b.open(client)
		for _, code := range []websocket.CloseCode{0, 1, 999, 1004, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535} {
			if err := e.conn.Close(code, ""); err == nil {
				t.Errorf("Close takes %d", code)
			}
		}
		if err := e.conn.Close(websocket.CloseNoStatus, "reason"); err == nil {
			t.Error("Close takes a reason without a code")
		}
		e.SendMessage(websocket.Text, []byte("still open"))
		e.ExpectText("still open")
		codes := []websocket.CloseCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999, websocket.CloseNoStatus}
		if client {
			codes = append(codes, websocket.CloseMandatoryExtension)
		}
		for i, code := range codes {
			if i > 0 {
				e = b.open(client)
			}
			closed := make(chan error, 1)
			go func() { closed <- e.conn.Close(code, "") }()
			e.ExpectClose(code)
			e.SendClose(websocket.CloseNormal, "")
			if client {
				e.CloseWrite()
			}
			e.ExpectEnd()
			if err := <-closed; err != nil {
				t.Errorf("Close(%s): %v", code, err)
			}
			e.Close()
		}
	}
}

// testServerSendsNo1010: neither of its own accord nor in answer to one. There is
// no extension that a server here could insist on; if it lacked one, the
// handshake would be the place to refuse.
func testServerSendsNo1010(t *testing.T) {
	t.Parallel()
	e := newBench(t, echoing, websocket.ConnOptions{}).open(false)
	if err := e.conn.Close(websocket.CloseMandatoryExtension, ""); err == nil {
		t.Error("a server's Close takes 1010")
	}
	e.SendMessage(websocket.Text, []byte("still open"))
	e.ExpectText("still open")
	e.SendClose(websocket.CloseMandatoryExtension, "x-a")
	e.ExpectClose(websocket.CloseNormal)
	e.ExpectEnd()
	e.expectErr(t, websocket.CloseMandatoryExtension, true)
}
