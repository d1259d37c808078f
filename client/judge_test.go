package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

func TestJudge(t *testing.T) {
	problem := http.Header{"Content-Type": {"application/problem+json"}, "Retry-After": {"3"}}
	page := http.Header{"Content-Type": {"text/html"}}
	handshake := func(status int, h http.Header) error {
		return &websocket.HandshakeError{Status: status, Header: h, Body: []byte(`{"code":"x","detail":"Y."}`)}
	}
	stream := func(status int, h http.Header) error {
		return refusedWith(status, h, []byte(`{"code":"x","detail":"Y."}`))
	}
	closed := func(code websocket.CloseCode) error { return &websocket.CloseError{Code: code, Remote: true} }
	for _, test := range []struct {
		err    error
		opened bool
		want   verdict
	}{
		{handshake(401, problem), false, verdict{kind: stale, retry: 3 * time.Second}},
		{handshake(403, problem), false, verdict{kind: final, retry: 3 * time.Second}},
		{handshake(400, problem), false, verdict{kind: final, retry: 3 * time.Second}},
		{stream(410, problem), true, verdict{kind: final, retry: 3 * time.Second}},
		{stream(410, page), true, verdict{doubt: sure}},
		{handshake(429, problem), false, verdict{retry: 3 * time.Second}},
		{handshake(503, problem), false, verdict{retry: 3 * time.Second}},
		{handshake(404, problem), false, verdict{doubt: sure, retry: 3 * time.Second}},
		{handshake(400, page), false, verdict{doubt: sure}},
		{handshake(403, page), false, verdict{doubt: sure}},
		{handshake(200, page), false, verdict{doubt: sure}},
		{handshake(204, page), false, verdict{doubt: sure}},
		{handshake(426, page), false, verdict{doubt: sure}},
		{handshake(501, page), false, verdict{doubt: sure}},
		{handshake(502, page), false, verdict{doubt: weak}},
		{stream(504, page), true, verdict{doubt: weak}},
		{stream(404, page), false, verdict{doubt: sure}},
		{&websocket.HandshakeError{Reason: "nonsense"}, false, verdict{doubt: sure}},
		{closed(websocket.CloseGoingAway), true, verdict{}},
		{closed(websocket.CloseServiceRestart), true, verdict{}},
		{closed(websocket.CloseTryAgainLater), true, verdict{}},
		{closed(websocket.CloseNormal), true, verdict{kind: final}},
		{closed(4001), true, verdict{kind: stale}},
		{closed(4003), true, verdict{kind: final}},
		{closed(4008), true, verdict{}},
		{closed(4009), true, verdict{kind: final}},
		{closed(4029), true, verdict{retry: rateLimitRetry}},
		{closed(websocket.CloseAbnormal), true, verdict{}},
		{closed(websocket.CloseAbnormal), false, verdict{doubt: fair}},
		{io.ErrUnexpectedEOF, true, verdict{}},
		{io.ErrUnexpectedEOF, false, verdict{doubt: fair}},
		{errNoOpen, false, verdict{doubt: sure}},
		{fmt.Errorf("%w: it is text/html", errUnfit), false, verdict{doubt: sure}},
		{&tls.CertificateVerificationError{Err: errors.New("expired")}, false, verdict{}},
	} {
		got := judge(test.err, test.opened)
		if got.err == nil {
			t.Errorf("%v: nothing to tell", test.err)
		}
		if got.err = nil; got != test.want {
			t.Errorf("%v, opened %t: %+v, want %+v", test.err, test.opened, got, test.want)
		}
	}
}

func TestRetryAfterField(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "0": 0, "2": 2 * time.Second, "86400": longestRetry,
		"Sun, 06 Nov 1994 08:49:37 GMT": 0, "Sun, 06 Nov 2094 08:49:37 GMT": longestRetry,
	} {
		if got := retryAfter(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
