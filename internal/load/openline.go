package load

import (
	"bytes"
	"strconv"
)

// Openline is the dialect of openline serve.
type Openline struct {
	Host    string // of the address
	Path    string // in front of every path; empty if the server answers at the root
	Key     string // API key
	Channel string // what all sessions subscribe to; empty: none
	Prefix  string // of users' names, before their number
	// Token, if not nil, returns the token that a session needs.
	Token func(session int) string
	// Since is the cursor from which sessions resume; empty: they begin anew.
	Since string
	// Greeted, if not nil, is given each session's sys:open.
	Greeted func(msg []byte)
	// Fields are more lines of a session's requests, each with its line end.
	Fields string
}

// User returns the name of a session's user.
func (o *Openline) User(session int) string { return o.Prefix + strconv.Itoa(session) }

// AppendUpgrade implements [Dialect].
func (o *Openline) AppendUpgrade(dst []byte, session int) []byte {
	dst = o.appendGet(dst, session, "/ws/")
	ask := byte('?')
	if o.Channel != "" {
		dst = append(append(dst, "?channels="...), o.Channel...)
		ask = '&'
	}
	if o.Since != "" {
		dst = append(append(append(dst, ask), "since="...), o.Since...)
	}
	return append(o.appendFields(dst, session), UpgradeFields...)
}

// down is the path of each transport.
var down = map[Transport]string{EventSource: "/sse/", Stream: "/stream/", LongPoll: "/poll/", Poll: "/poll/"}

// AppendDown implements [HTTPDialect].
func (o *Openline) AppendDown(dst []byte, session int, t Transport, cursor []byte) []byte {
	dst = o.appendGet(dst, session, down[t])
	ask := "?"
	add := func(name, value string) {
		dst = append(append(append(append(dst, ask...), name...), '='), value...)
		ask = "&"
	}
	if o.Channel != "" {
		add("channels", o.Channel)
	}
	switch {
	case cursor != nil:
		add("since", string(cursor))
	case o.Since != "":
		add("since", o.Since)
	}
	if t == LongPoll {
		add("wait", "25s")
	}
	return append(o.appendFields(dst, session), "\r\n\r\n"...)
}

// AppendLine implements [HTTPDialect].
func (o *Openline) AppendLine(dst []byte, client int) []byte {
	alone := *o
	alone.Channel, alone.Since = "", ""
	return alone.AppendUpgrade(dst, client)
}

// AppendSay implements [HTTPDialect].
func (o *Openline) AppendSay(dst []byte, client int, t Transport, body []byte) []byte {
	envelope := append([]byte(`{"type":"publish","channel":"`), o.Channel...)
	envelope = append(append(append(envelope, `","data":`...), body...), '}')
	if t == WebSocket {
		return append(dst, envelope...)
	}
	dst = append(append(append(dst, "POST "...), o.Path...), "/send/"...)
	dst = strconv.AppendInt(append(dst, o.Prefix...), int64(client), 10)
	return AppendBody(o.appendFields(dst, client), "application/json", envelope)
}

// appendGet begins a session's request: up to its path.
func (o *Openline) appendGet(dst []byte, session int, path string) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, o.Path...)
	dst = append(dst, path...)
	dst = append(dst, o.Prefix...)
	return strconv.AppendInt(dst, int64(session), 10)
}

// appendFields goes on behind the query, up to the last field's line end.
func (o *Openline) appendFields(dst []byte, session int) []byte {
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, o.Host...)
	if o.Token != nil {
		dst = append(dst, "\r\nAuthorization: Bearer "...)
		dst = append(dst, o.Token(session)...)
	}
	if o.Fields != "" {
		dst = append(append(dst, "\r\n"...), o.Fields[:len(o.Fields)-2]...)
	}
	return dst
}

// UpgradeFields ends a request for a WebSocket: the line end of the field
// before, the fields that RFC 6455 §4.1 asks for, and the empty line.
const UpgradeFields = "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n"

// CursorOf returns the first cursor in an envelope or an answer, or nil.
func CursorOf(msg []byte) []byte {
	_, after, ok := bytes.Cut(msg, []byte(`"cursor":"`))
	if !ok {
		return nil
	}
	cursor, _, _ := bytes.Cut(after, []byte(`"`))
	return cursor
}

// Greet implements [Dialect]: the first envelope is sys:open, and the session is
// subscribed by then.
func (o *Openline) Greet(msg []byte) (reply []byte, ready bool, err error) {
	if o.Greeted != nil && msg != nil {
		o.Greeted(msg)
	}
	return nil, msg != nil, nil
}

// Answer implements [Dialect].
func (*Openline) Answer([]byte) []byte { return nil }

// AppendPublish implements [Dialect].
func (o *Openline) AppendPublish(dst []byte, to int, body []byte) []byte {
	dst = append(dst, "POST "...)
	dst = append(dst, o.Path...)
	if to == Everyone {
		dst = append(append(dst, "/api/channels/"...), o.Channel...)
	} else {
		dst = append(append(dst, "/api/users/"...), o.Prefix...)
		dst = strconv.AppendInt(dst, int64(to), 10)
	}
	dst = append(dst, "/messages HTTP/1.1\r\nHost: "...)
	dst = append(dst, o.Host...)
	dst = append(dst, "\r\nAuthorization: Bearer "...)
	dst = append(dst, o.Key...)
	return AppendBody(dst, "application/json", body)
}

// AppendBody ends a request: the line end of the field before, the fields of a
// body, and the body.
func AppendBody(dst []byte, kind string, body []byte) []byte {
	dst = append(append(dst, "\r\nContent-Type: "...), kind...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	return append(append(dst, "\r\n\r\n"...), body...)
}
