package mutant

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// How much of an answer is read.
const (
	mostInterim = 10
	mostRefusal = 1024
)

// response reads the status line and the fields of a response. It calls begun, unless
// that is nil, when the status line of a 101 has come.
func (r *reader) response(begun func()) (status int, list fields, err error) {
	r.read = 0
	r.answer = true
	line, err := r.line(true)
	if err != nil {
		return 0, nil, err
	}
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if err != nil || len(code) != 3 || version != "HTTP/1.1" && !r.breaks("WS-4.1-27") {
		return 0, nil, errors.New("mutant: this is no answer of HTTP/1.1")
	}
	if begun != nil && status == 101 {
		begun()
	}
	list, err = r.section()
	return status, list, err
}

// judgeAnswer reads the answer to the opening request and judges it (RFC 6455 §4.1).
func (c *client) judgeAnswer(r *reader, key string, ask asking, begun func()) (*terms, error) {
	var status int
	var f fields
	for n := 0; ; n++ {
		var err error
		if status, f, err = r.response(begun); err != nil {
			return nil, err
		}
		if status/100 != 1 || status == 101 || c.breaks("WS-4.1-13") {
			break
		}
		if n == mostInterim && !c.breaks("WS-4.1-13/endless") {
			return nil, errors.New("mutant: there is no end of interim responses")
		}
	}
	if status != 101 && !c.breaks("WS-4.1-12") {
		return nil, &refused{status, f, c.readRefusal(r, f)}
	}
	for _, judge := range []func(fields) error{c.judgeSwitch, func(f fields) error { return c.judgeAccept(f, key) }} {
		if err := judge(f); err != nil {
			return nil, err
		}
	}
	if err := c.judgeSubprotocol(f, ask); err != nil {
		return nil, err
	}
	if c.breaks("WS-4.1-24") {
		if f.has("Transfer-Encoding") {
			return nil, errors.New("mutant: the body is not chunked")
		}
		n, _ := strconv.ParseInt(f.get("Content-Length"), 10, 32)
		_, _ = io.CopyN(io.Discard, r.in, n)
	}
	return c.judgeTerms(f, ask)
}

// readRefusal reads the beginning of the body.
func (c *client) readRefusal(r *reader, f fields) int {
	n, err := strconv.Atoi(f.get("Content-Length"))
	if err != nil {
		n = mostRefusal
	}
	got, _ := io.CopyN(io.Discard, r.in, int64(min(n, mostRefusal)))
	return int(got)
}

func (c *client) judgeSwitch(f fields) error {
	up := f.all("Upgrade")
	right := len(up) == 1 && strings.EqualFold(up[0], "websocket")
	switch {
	case c.breaks("WS-4.1-15"):
		right = len(up) > 0
	case c.breaks("WS-4.1-15/absent"):
		right = right || len(up) == 0
	case c.breaks("WS-4.1-15/case"):
		right = len(up) == 1 && up[0] == "websocket"
	}
	if !right {
		return fmt.Errorf("mutant: Upgrade is %q", up)
	}
	list := f.all("Connection")
	right = hasToken(list, "upgrade")
	switch {
	case c.breaks("WS-4.1-16"):
		right = len(list) > 0
	case c.breaks("WS-4.1-16/absent"):
		right = right || len(list) == 0
	case c.breaks("WS-4.1-16/list"):
		right = len(list) == 1 && list[0] == "Upgrade"
	case c.breaks("WS-4.1-16/lines"):
		right = hasToken(list[:min(1, len(list))], "upgrade")
	}
	if !right {
		return fmt.Errorf("mutant: Connection is %q", list)
	}
	return nil
}

func (c *client) judgeAccept(f fields, key string) error {
	want, list := acceptOf(key), f.all("Sec-WebSocket-Accept")
	some := len(list) > 0 && list[0] != ""
	sum, _ := base64.StdEncoding.DecodeString(want)
	octets, _ := base64.StdEncoding.DecodeString(key)
	right := some && list[0] == want && len(list) == 1
	switch {
	case right:
	case c.breaks("WS-4.1-17/absent"):
		right = !some
	case c.breaks("WS-4.1-18"):
		right = some && list[0] == want
	case c.breaks("WS-4.1-18/same"):
		right = some && len(slices.Compact(list)) == 1 && list[0] == want
	case c.breaks("WS-4.1-18/last"):
		right = some && list[len(list)-1] == want
	case !some:
	case c.breaks("WS-4.1-17/lower"):
		right = strings.EqualFold(list[0], want)
	case c.breaks("WS-4.1-17/unpadded"):
		right = list[0] == strings.TrimRight(want, "=")
	case c.breaks("WS-4.1-17/decoded"):
		right = list[0] == acceptOf(string(octets))
	case c.breaks("WS-4.1-17/bare"):
		right = list[0] == sha(key)
	case c.breaks("WS-4.1-17/hex"):
		right = strings.EqualFold(list[0], hex.EncodeToString(sum))
	case c.breaks("WS-4.1-17/other"):
		right = len(list[0]) == len(want)
	}
	if !right {
		return errors.New("mutant: Sec-WebSocket-Accept is wrong")
	}
	return nil
}

func (c *client) judgeSubprotocol(f fields, ask asking) error {
	got := f.all("Sec-WebSocket-Protocol")
	switch {
	case len(got) == 0:
		if c.set.Get("require") == "subprotocol" && !c.breaks("WS-4.1-21/strict") || ask.subprotocols != nil && c.breaks("WS-4.1-21") {
			return errors.New("mutant: the server has chosen no subprotocol")
		}
		return nil
	case len(got) > 1:
		if c.breaks("WS-4.1-20/lines") {
			return nil
		}
	case c.breaks("WS-4.1-20/right"):
	case slices.Contains(ask.subprotocols, got[0]),
		c.breaks("WS-4.1-20") && got[0] != "",
		c.breaks("WS-4.1-20/empty") && got[0] == "",
		c.breaks("WS-4.1-20/none") && ask.subprotocols == nil:
		return nil
	}
	return fmt.Errorf("mutant: the server has chosen a subprotocol that was not offered, %q", got)
}

// refused is an answer that opens nothing.
type refused struct {
	status int
	fields fields
	body   int // octets of it that were kept
}

func (r *refused) Error() string { return "mutant: the server answers " + strconv.Itoa(r.status) }

// query is what is told about it.
func (r *refused) query(f fault) string {
	lines := r.fields.all("Sec-WebSocket-Version")
	versions, status := elements(lines), r.status
	switch {
	case f.breaks("WS-4.4-06/lines"):
		versions = elements(lines[:1])
	case f.breaks("WS-4.4-06/list"):
		versions = versions[:1]
	case f.breaks("WS-4.1-12/told"):
		status = 0
	}
	return fmt.Sprintf("status=%d&versions=%s&why=%s&body=%d", status, strings.Join(versions, ","), url.QueryEscape(r.fields.get("X-Why")), r.body)
}
