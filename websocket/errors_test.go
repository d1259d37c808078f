package websocket_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/openline/openline/websocket"
)

func TestErrorTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&websocket.CloseError{Code: websocket.CloseNormal}, "websocket: closed by this end: 1000 normal closure"},
		{&websocket.CloseError{Code: websocket.CloseGoingAway, Reason: "bye", Remote: true}, `websocket: closed by the peer: 1001 going away "bye"`},
		{&websocket.CloseError{Code: 4001, Reason: "\x1b[2J\r\n", Remote: true}, `websocket: closed by the peer: 4001 "\x1b[2J\r\n"`},
		{&websocket.CloseError{Code: websocket.CloseAbnormal, Err: io.EOF, Remote: true}, "websocket: closed by the peer: 1006 abnormal closure: EOF"},
		{&websocket.CloseError{Code: websocket.CloseProtocolError, Reason: "EOF", Err: io.EOF}, `websocket: closed by this end: 1002 protocol error "EOF"`},
		{&websocket.HandshakeError{}, "websocket: handshake failed"},
		{&websocket.HandshakeError{Status: 404, Reason: "the server answered 404"}, "websocket: handshake failed with HTTP status 404: the server answered 404"},
		{&websocket.HandshakeError{Status: 101, Reason: "no", Err: io.EOF}, "websocket: handshake failed with HTTP status 101: no: EOF"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for _, err := range []error{&websocket.CloseError{Err: io.EOF}, &websocket.HandshakeError{Err: io.EOF}} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%v does not show its cause", err)
		}
	}
	if websocket.CloseCodeOf(io.EOF) != 0 || websocket.CloseCodeOf(errors.Join(io.EOF, &websocket.CloseError{Code: 4000})) != 4000 {
		t.Error("CloseCodeOf")
	}
}

// Who comes while a handler shuts down is told so, and may try another server.
func TestHandleWhileShuttingDown(t *testing.T) {
	h := websocket.Handle(func(context.Context, *websocket.Conn) { t.Error("the function was run") }, nil)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, openingRequest())
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Connection") != "close" || w.Body.Len() == 0 {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
