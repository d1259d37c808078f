package handshake_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/internal/handshake"
)

const (
	key     = "AAECAwQFBgcICQoLDA0ODw=="
	request = "GET /echo HTTP/1.1\r\nHost: ws.test:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n"
	response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: Bz3qJYTGdOe8gUSpLosEdiLKDrk=\r\n"
)

// What these fuzzers accept is judged by means other than the package's own.
var (
	base64Of16 = regexp.MustCompile(`^[A-Za-z0-9+/]{22}==$`)
	token      = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

// elements are those of a comma-separated list, without empty ones.
func elements(lines []string) (list []string) {
	for e := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if e = strings.Trim(e, " \t"); e != "" {
			list = append(list, e)
		}
	}
	return list
}

func hasFold(list []string, want string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, want) })
}

// FuzzRequest gives octets to net/http and what it makes of them to
// CheckRequest.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		request, request + "Sec-WebSocket-Protocol: v2.chat, v1.chat\r\nSec-WebSocket-Protocol: x\r\n", request + "Content-Length: 0\r\n", request + "Content-Length: 5\r\n",
		request + "Transfer-Encoding: chunked\r\n", request + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"1\\0\", x;y=z\r\n", request + "Upgrade: h2c\r\n",
		request + "Sec-WebSocket-Version: 8\r\n", request + "Sec-WebSocket-Key: x\r\n", strings.Replace(request, "13", "013", 1), strings.Replace(request, "GET", "POST", 1),
		strings.Replace(request, "HTTP/1.1", "HTTP/1.0", 1), strings.Replace(request, "Connection: Upgrade", "Connection: keep-alive ,\tUPGRADE", 1),
		strings.Replace(request, key, "AQIDBAUGBwgJCgsMDQ4PEC==", 1), strings.Replace(request, "\r\n", "\n", -1), request + "X: a\r\n b\r\n",
	} {
		f.Add([]byte(seed + "\r\n"))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		req, refusal := handshake.CheckRequest(r)
		if refusal != nil {
			if req != nil || refusal.Status < 400 || refusal.Status > 499 || refusal.Reason == "" {
				t.Fatalf("refusal %+v, request %+v", refusal, req)
			}
			if refusal.Status == http.StatusUpgradeRequired && (refusal.Header.Get("Upgrade") != "websocket" || refusal.Header.Get("Sec-WebSocket-Version") != "13") {
				t.Fatalf("426 with %v", refusal.Header)
			}
			return
		}
		h := r.Header
		if r.Method != "GET" || r.ProtoMajor != 1 || r.ProtoMinor < 1 || r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			t.Fatalf("accepted %s %s with %d octets, %v", r.Method, r.Proto, r.ContentLength, r.TransferEncoding)
		}
		if !hasFold(elements(h["Upgrade"]), "websocket") || !hasFold(elements(h["Connection"]), "upgrade") {
			t.Fatalf("accepted Upgrade %q, Connection %q", h["Upgrade"], h["Connection"])
		}
		if v := h["Sec-Websocket-Version"]; len(v) != 1 || strings.Trim(v[0], " \t") != "13" {
			t.Fatalf("accepted the version %q", v)
		}
		if k := h["Sec-Websocket-Key"]; len(k) != 1 || strings.Trim(k[0], " \t") != req.Key || !base64Of16.MatchString(req.Key) {
			t.Fatalf("accepted the key %q as %q", k, req.Key)
		}
		if b, err := base64.StdEncoding.DecodeString(req.Key); err != nil || len(b) != 16 {
			t.Fatalf("the key %q decodes to %d octets, %v", req.Key, len(b), err)
		}
		offered := elements(h["Sec-Websocket-Protocol"])
		for i, p := range req.Subprotocols {
			if !token.MatchString(p) || !slices.Contains(offered, p) || slices.Contains(req.Subprotocols[:i], p) {
				t.Fatalf("of %q came %q", offered, req.Subprotocols)
			}
		}
		if slices.Sort(offered); len(slices.Compact(offered)) != len(req.Subprotocols) {
			t.Fatalf("of %q came %q", offered, req.Subprotocols)
		}
		checkExtensions(t, h["Sec-Websocket-Extensions"], req.Extensions)
	})
}

// checkExtensions checks that what was read consists of tokens, and reads the
// same when it is written plainly.
func checkExtensions(t *testing.T, lines []string, list []handshake.Extension) {
	t.Helper()
	if (len(lines) == 0) != (len(list) == 0) {
		t.Fatalf("%q was read as %v", lines, list)
	}
	var plain []string
	for _, e := range list {
		text := e.Name
		for _, p := range e.Params {
			text += "; " + p.Name
			if p.HasValue {
				text += "=" + p.Value
			}
			if !token.MatchString(p.Name) || p.HasValue != token.MatchString(p.Value) {
				t.Fatalf("%q has the parameter %+v", lines, p)
			}
		}
		if !token.MatchString(e.Name) {
			t.Fatalf("%q has the name %q", lines, e.Name)
		}
		plain = append(plain, text)
	}
	if len(plain) == 0 {
		return
	}
	again, err := handshake.ParseExtensions([]string{strings.Join(plain, ", ")})
	if err != nil || !slices.EqualFunc(again, list, func(a, b handshake.Extension) bool { return a.Name == b.Name && slices.Equal(a.Params, b.Params) }) {
		t.Fatalf("%q was read as %v, which in turn is read as %v, %v", lines, list, again, err)
	}
}

// FuzzResponse gives octets to a client whose request had key and offered chat
// and permessage-deflate.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		response, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + response, response + "Sec-WebSocket-Protocol: chat\r\n", response + "Sec-WebSocket-Protocol: other\r\n",
		response + "Sec-WebSocket-Extensions: permessage-deflate; x=\"1\"\r\n", response + "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n",
		response + "Content-Length: 4\r\n", response + "Transfer-Encoding: chunked\r\n", response + "Connection: close\r\n", response + "X-Note: a\r\n Sec-WebSocket-Accept: bogus\r\n",
		strings.ToLower(response), "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nSec-WebSocket-Version: 13, 8\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 302 Found\r\nLocation: /x\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "SSH-2.0-x\r\n", strings.ReplaceAll(response, "\r\n", "\n"),
	} {
		f.Add([]byte(seed + "\r\n\x81\x02Hi"))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		source := bytes.NewReader(in)
		limit := &io.LimitedReader{R: source, N: handshake.MaxResponse}
		br := bufio.NewReaderSize(limit, 4<<10)
		resp, err := handshake.ReadResponse(br, limit, &http.Request{Method: http.MethodGet})
		if read := len(in) - source.Len(); read > handshake.MaxResponse {
			t.Fatalf("read %d octets", read)
		}
		if err != nil {
			return
		}
		if resp.StatusCode < 200 && resp.StatusCode != 101 || !resp.ProtoAtLeast(1, 1) || resp.ProtoMajor != 1 {
			t.Fatalf("%s %d was taken for the final response", resp.Proto, resp.StatusCode)
		}
		if resp.StatusCode != http.StatusSwitchingProtocols {
			_, _ = io.ReadAll(io.LimitReader(resp.Body, 1024))
			for _, v := range handshake.Versions(resp.Header["Sec-Websocket-Version"]) {
				if v < 0 || v > 255 {
					t.Fatalf("version %d", v)
				}
			}
			return
		}
		// Whatever was read in advance is still there, behind the header.
		rest, err := io.ReadAll(br)
		if err != nil || !bytes.HasSuffix(in[:len(in)-source.Len()], rest) {
			t.Fatalf("behind the header: %q, %v", rest, err)
		}
		if head := in[:len(in)-source.Len()-len(rest)]; len(head) > 0 && !bytes.HasSuffix(head, []byte("\n\r\n")) && !bytes.HasSuffix(head, []byte("\n\n")) {
			t.Fatalf("the header is %q", head)
		}
		sub, list, err := handshake.CheckResponse(resp.Header, key, []string{"chat", "v2"}, []string{"permessage-deflate"})
		if err != nil {
			return
		}
		h := resp.Header
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		if a := h["Sec-Websocket-Accept"]; len(a) != 1 || strings.Trim(a[0], " \t") != base64.StdEncoding.EncodeToString(sum[:]) {
			t.Fatalf("accepted %q", a)
		}
		if u := h["Upgrade"]; len(u) != 1 || !strings.EqualFold(strings.Trim(u[0], " \t"), "websocket") || !hasFold(elements(h["Connection"]), "upgrade") {
			t.Fatalf("accepted Upgrade %q, Connection %q", u, h["Connection"])
		}
		if p := elements(h["Sec-Websocket-Protocol"]); len(p) > 1 || len(p) == 1 && (p[0] != sub || p[0] != "chat" && p[0] != "v2") || len(p) == 0 && sub != "" {
			t.Fatalf("of %q came %q", p, sub)
		}
		for i, e := range list {
			if e.Name != "permessage-deflate" || i > 0 {
				t.Fatalf("accepted the extensions %v", list)
			}
		}
		checkExtensions(t, h["Sec-Websocket-Extensions"], list)
	})
}
