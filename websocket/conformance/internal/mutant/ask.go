package mutant

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// asking is what the application wants of the handshake.
type asking struct {
	fields       fields
	subprotocols []string
	offer        string // of compression
}

func (a asking) without(names ...string) asking {
	a.fields = slices.DeleteFunc(slices.Clone(a.fields), func(f field) bool {
		return slices.ContainsFunc(names, f.named)
	})
	return a
}

// ours are the fields that the handshake sets itself.
var ours = []string{
	"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
	"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding",
}

// prepare judges what the settings ask for, before anything is sent.
func (c *client) prepare() (asking, error) {
	var a asking
	for _, h := range c.set.Values["header"] {
		name, value, _ := strings.Cut(h, ":")
		f := field{name, strings.TrimLeft(value, " ")}
		if (!isToken(name) || !clean(value)) && !c.breaks("WS-4.1-06") {
			return a, errors.New("mutant: the application has set a field that is none")
		}
		if slices.ContainsFunc(ours, f.named) && !c.breaks("WS-4.1-06/own") {
			return a, errors.New("mutant: the field is the handshake's own")
		}
		a.fields = append(a.fields, f)
	}
	if c.set.Has("subprotocols") || c.set.Has("subprotocol") {
		names := []string{c.set.Get("subprotocol")}
		if c.set.Has("subprotocols") {
			names = strings.Split(c.set.Get("subprotocols"), ",")
		}
		for _, name := range names {
			switch {
			case !isToken(name) && !c.breaks("WS-4.1-05/check"):
				return a, errors.New("mutant: a subprotocol is no token")
			case slices.Contains(a.subprotocols, name) && !c.breaks("WS-4.1-05/twice"):
				return a, errors.New("mutant: a subprotocol is named twice")
			}
			a.subprotocols = append(a.subprotocols, name)
		}
	}
	if c.breaks("WS-4.1-05") {
		slices.Reverse(a.subprotocols)
	}
	if a.offer = c.set.Get("deflate"); a.offer == "off" {
		if a.offer = ""; c.breaks("PD-8-04") {
			a.offer = "permessage-deflate"
		}
	}
	return a, nil
}

// request returns the opening request.
func (c *client) request(a address, ask asking, key string) string {
	list := fields{
		{"Host", a.hostField(c.fault)},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", key},
		{"Sec-WebSocket-Version", "13"},
	}
	if len(ask.subprotocols) > 0 {
		list = append(list, field{"Sec-WebSocket-Protocol", strings.Join(ask.subprotocols, ", ")})
	}
	if ask.offer != "" {
		list = append(list, field{"Sec-WebSocket-Extensions", ask.offer})
	}
	list = append(list, ask.fields...)
	method, end := "GET", "\r\n"
	switch {
	case c.breaks("WS-4.1-01/line"):
		method = "POST"
	case c.breaks("WS-4.1-01"), a.bad:
		list = slices.DeleteFunc(list, func(f field) bool { return f.named("Sec-WebSocket-Version") })
	case c.breaks("WS-4.1-01/body"):
		list = append(list, field{"Content-Length", "0"})
	case c.breaks("WS-4.1-01/eol"):
		end = "\n"
	case c.breaks("WS-4.1-01/host-first"):
		list = append(list[1:], list[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1%s", method, a.target, end)
	for _, f := range list {
		fmt.Fprintf(&b, "%s: %s%s", f.name, f.value, end)
	}
	return b.String() + end
}

// handshake sends the request, and judges the answer.
func (c *client) handshake(nc net.Conn, a address, ask asking) (*opened, error) {
	key := c.key()
	head := c.request(a, ask, key)
	if c.breaks("WS-4.1-04") {
		head += string(c.early(nil))
	}
	if _, err := nc.Write([]byte(head)); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(nc, 64<<10)
	r := &reader{fault: c.fault, in: in}
	c.hurry(nc, r)
	t, err := c.judgeAnswer(r, key, ask, func() {
		switch {
		case c.breaks("WS-4.1-04/early"):
			_, _ = nc.Write(c.early(nil))
		case c.breaks("WS-4.1-04/queued") && c.set.Get("do") == "send":
			_, _ = nc.Write(c.early(c.set.octets()))
		}
	})
	if err != nil {
		return nil, err
	}
	nc.SetReadDeadline(time.Time{})
	if c.breaks("WS-4.1-22") {
		in.Reset(nc)
	}
	return &opened{nc, in, t}, nil
}

// early is a text message before its time.
func (c *client) early(p []byte) []byte {
	return append([]byte{0x81, 0x80 | byte(len(p)), 0, 0, 0, 0}, p...)
}

// hurry has the faults whose deadline begins anew, or ends, with what comes.
func (c *client) hurry(nc net.Conn, r *reader) {
	if !c.breaks("WS-4.1-11/stall") && !c.breaks("WS-4.1-11/progress") {
		return
	}
	nc.SetReadDeadline(time.Now().Add(c.set.handshake))
	r.came = func() {
		nc.SetReadDeadline(time.Now().Add(c.set.handshake))
		if c.breaks("WS-4.1-11/stall") {
			nc.SetReadDeadline(time.Time{})
		}
	}
}

// key returns a fresh key.
func (c *client) key() string {
	p := make([]byte, 16)
	if !c.breaks("WS-4.1-03") {
		_, _ = rand.Read(p)
	}
	p[0] |= 0xfc // so that every key of a faulty client shows its alphabet
	if !c.breaks("WS-4.1-02/alphabet") {
		_, _ = rand.Read(p[:1])
	}
	if c.breaks("WS-4.1-03") {
		p[0] = 0
	}
	key := base64.StdEncoding.EncodeToString(p)
	switch {
	case c.breaks("WS-4.1-02"):
		key = base64.StdEncoding.EncodeToString(p[:15])
	case c.breaks("WS-4.1-02/alphabet"):
		key = base64.URLEncoding.EncodeToString(p)
	case c.breaks("WS-4.1-02/padding"):
		key = key[:21] + string(key[21]+1) + "=="
	case c.breaks("WS-4.1-03/redirect"), c.breaks("WS-4.1-03/reconnect"):
		if c.old == "" {
			c.old = key
		}
		key = c.old
	}
	return key
}
