package main

import (
	"strconv"

	"github.com/openline/openline/internal/load"
)

// nchanDialect is how the locations of nginxConfig are spoken to.
type nchanDialect struct {
	host  string
	scene scene
}

// AppendUpgrade implements load.Dialect.
func (d *nchanDialect) AppendUpgrade(dst []byte, session int) []byte {
	to := load.Everyone
	if d.scene == apart {
		to = session
	}
	dst = appendRoom(append(dst, "GET /subscribe/"...), to)
	dst = append(append(dst, " HTTP/1.1\r\nHost: "...), d.host...)
	return append(dst, load.UpgradeFields...)
}

// appendRoom appends the name of a channel: that of all, or one session's own.
func appendRoom(dst []byte, to int) []byte {
	if to == load.Everyone {
		return append(dst, "all"...)
	}
	return strconv.AppendInt(append(dst, 'u'), int64(to), 10)
}

// Greet implements load.Dialect: the module subscribes before it answers with 101.
func (*nchanDialect) Greet([]byte) (reply []byte, ready bool, err error) { return nil, true, nil }

// Answer implements load.Dialect.
func (*nchanDialect) Answer([]byte) []byte { return nil }

// AppendPublish implements load.Dialect.
func (d *nchanDialect) AppendPublish(dst []byte, to int, body []byte) []byte {
	return appendPost(dst, d.host, to, body)
}

// appendPost appends the request that publishes, the same to both peers.
func appendPost(dst []byte, host string, to int, body []byte) []byte {
	dst = appendRoom(append(dst, "POST /publish/"...), to)
	dst = append(append(dst, " HTTP/1.1\r\nHost: "...), host...)
	return load.AppendBody(dst, "application/json", body)
}

// socketIODialect is how js/server.js is spoken to: Engine.IO 4 over a plain
// WebSocket, with Socket.IO's packets in it.
type socketIODialect struct {
	host  string
	scene scene
}

// AppendUpgrade implements load.Dialect.
func (d *socketIODialect) AppendUpgrade(dst []byte, session int) []byte {
	to := load.Everyone
	if d.scene == apart {
		to = session
	}
	dst = appendRoom(append(dst, "GET /socket.io/?EIO=4&transport=websocket&room="...), to)
	dst = append(append(dst, " HTTP/1.1\r\nHost: "...), d.host...)
	return append(dst, load.UpgradeFields...)
}

// Greet implements load.Dialect: `0{…}` opens Engine.IO, `40` asks for the namespace
// and `40{…}` grants it; the server's handler has joined the room by then.
func (*socketIODialect) Greet(msg []byte) (reply []byte, ready bool, err error) {
	switch {
	case len(msg) > 0 && msg[0] == '0':
		return []byte("40"), false, nil
	case len(msg) > 1 && msg[0] == '4' && msg[1] == '0':
		return nil, true, nil
	case len(msg) > 1 && msg[0] == '4' && msg[1] == '4':
		return nil, false, &load.ClosedError{Code: 1008, Reason: string(msg)}
	}
	return nil, false, nil
}

// Answer implements load.Dialect: Engine.IO's ping is `2` and its pong `3`.
func (*socketIODialect) Answer(msg []byte) []byte {
	if len(msg) == 1 && msg[0] == '2' {
		return []byte("3")
	}
	return nil
}

// AppendPublish implements load.Dialect.
func (d *socketIODialect) AppendPublish(dst []byte, to int, body []byte) []byte {
	return appendPost(dst, d.host, to, body)
}
