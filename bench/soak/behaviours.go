package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// behaviours are all ways in which peers behave.
func behaviours() []*behaviour {
	return []*behaviour{
		{"listens", 30, kindServe, listens},
		{"talks", 16, kindServe, talks},
		{"speaks raw", 8, kindServe, speaksRaw},
		{"is sent to", 6, kindServe, isSentTo},
		{"is disconnected", 4, kindServe, isDisconnected},
		{"uses the API", 6, kindServe, usesAPI},
		{"half a request", 4, kindServe, halfARequest},
		{"echoes", 50, kindLoop, echoes},
		{"closes properly", 8, "", closesProperly},
		{"closes its half", 6, "", closesItsHalf},
		{"resets", 8, "", resets},
		{"stops reading", 5, "", stopsReading},
		{"stops in a frame", 4, "", stopsInAFrame},
		{"says nothing", 3, "", saysNothing},
		{"slow head", 4, "", slowHead},
		{"is refused", 3, "", isRefused},
		{"violates", 12, "", violates},
		{"endless fragments", 3, "", endlessFragments},
		{"floods with pings", 4, "", floodsWithPings},
		{"garbage", 4, "", garbage},
	}
}

// place is a path to open a session at, with a user of its own and a channel with
// much traffic if busy is set.
func (t *target) place(rng *rand.Rand, busy bool) (path, user string) {
	if t.kind == kindLoop {
		return "/", ""
	}
	user = fmt.Sprintf("u%016x", rng.Uint64())
	switch {
	case busy:
		return "/ws/" + user + "?channels=" + floodChannel, user
	case rng.IntN(2) == 0:
		return "/ws/" + user + "?channels=" + t.ledgers[rng.IntN(len(t.ledgers))].channel, user
	}
	return "/ws/" + user, user
}

// opened opens a session anywhere, which exchanges something first, or not.
func (t *target) opened(ctx context.Context, rng *rand.Rand) (*line, error) {
	path, _ := t.place(rng, false)
	l, err := t.open(ctx, rng, path, nil)
	if err != nil {
		return nil, err
	}
	for range rng.IntN(3) {
		if err := l.exchange(); err != nil {
			l.end()
			return nil, err
		}
	}
	return l, nil
}

// exchange has the server answer something.
func (l *line) exchange() error {
	message := `{"type":"ping","ref":7}`
	if err := l.send(opText, []byte(message)); err != nil {
		return err
	}
	until := time.Now().Add(patience)
	for {
		_, answer, err := l.next(until)
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		if l.t.kind == kindLoop && string(answer) == message {
			return nil
		}
		if e, err := parse(answer); err != nil || e.Ref == 7 {
			return err
		}
	}
}

// closesProperly closes the WebSocket as it should be done (RFC 6455 §7.1.1).
func closesProperly(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	code := []int{1000, 1001, 3000, 4999}[rng.IntN(4)]
	b := appendFrame(nil, fin|opClose, closePayload(code, "ciao"), l.key())
	if rng.IntN(4) == 0 { // nothing behind a Close is looked at
		b = append(b, text(rng.IntN(100))...)
	}
	if err := l.write(b); err != nil {
		return err
	}
	got, err := l.expectClose(patience)
	if err != nil {
		return fmt.Errorf("no answer to the Close: %w", err)
	}
	if got != code {
		return fmt.Errorf("a Close with %d was answered with %d", code, got)
	}
	return l.expectEnd(patience)
}

// closesItsHalf ends its direction without a Close, and still reads.
func closesItsHalf(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	if rng.IntN(2) == 0 { // in the middle of a frame
		if err := l.write(appendFrame(nil, fin|opText, []byte(text(200)), l.key())[:1+rng.IntN(200)]); err != nil {
			return err
		}
	}
	if err := l.nc.CloseWrite(); err != nil {
		return err
	}
	return l.expectEnd(patience)
}

// resets ends the connection with a RST: within the handshake, right after it, or
// within a frame.
func resets(ctx context.Context, t *target, rng *rand.Rand) error {
	if rng.IntN(4) == 0 {
		l, err := t.dial(ctx, rng)
		if err != nil {
			return err
		}
		path, _ := t.place(rng, false)
		request := t.request(path)
		_ = l.write([]byte(request[:rng.IntN(len(request)+1)]))
		l.reset()
		return nil
	}
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	for range rng.IntN(3) {
		_ = l.send(opText, []byte(`{"type":"publish","channel":"soak:rst","data":"`+text(rng.IntN(20_000))+`"}`))
	}
	if rng.IntN(2) == 0 {
		_ = l.write(appendHeader(nil, fin|opText, 1000, l.key()))
	}
	l.reset()
	return nil
}

// isRefused asks for what is no WebSocket.
func isRefused(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.dial(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	host := "Host: " + t.node.Address + "\r\n"
	request := []string{
		"GET /ws/a HTTP/1.1\r\n" + host + "\r\n",
		"GET /ws/a HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
		"GET /ws/a HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 8\r\n\r\n",
		"GET /ws/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + text(100) + "\r\n\r\n",
		"POST /ws/a HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
		"GET / HTTP/1.0\r\n\r\n\r\n\r\n",
	}[rng.IntN(7)]
	if err := l.writeInPieces([]byte(request)); err != nil && !isReset(err) {
		return err
	}
	if rng.IntN(2) == 0 {
		_ = l.nc.CloseWrite()
		return l.expectEnd(patience)
	}
	_ = l.nc.SetReadDeadline(time.Now().Add(patience))
	status, err := l.r.ReadString('\n')
	if err != nil && !isReset(err) {
		return fmt.Errorf("no answer to %.60q: %w", request, err)
	}
	if len(status) > 12 && status[9] == '2' && request[:6] != "GET / " {
		return fmt.Errorf("%.60q was answered with %q", request, status)
	}
	return nil
}
