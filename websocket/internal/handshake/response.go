package handshake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// MaxResponse bounds the header sections of the response to an opening request,
// interim responses included, in octets.
const MaxResponse = 64 << 10

// maxInterim bounds the 1xx responses ahead of the final one.
const maxInterim = 8

// ErrResponseTooBig says that the response's header did not end within
// MaxResponse octets.
var ErrResponseTooBig = fmt.Errorf("response header over %d octets", MaxResponse)

// ReadResponse reads the final response to req: interim responses (RFC 9110
// §15.2) other than 101 are skipped. What follows the header stays in the
// reader. Only HTTP/1.1 is taken, and HTTP/1.0 from a proxy that answers CONNECT.
func ReadResponse(br *bufio.Reader, limit *io.LimitedReader, req *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		resp, err := readResponse(br, req)
		if err != nil {
			if limit.N <= 0 {
				err = ErrResponseTooBig
			}
			return nil, err
		}
		if resp.ProtoMajor != 1 || resp.ProtoMinor < 1 && req.Method != http.MethodConnect {
			return nil, fmt.Errorf("the server answered with %q, a WebSocket needs HTTP/1.1", resp.Proto)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, errors.New("the server sends one interim response after the other")
}

// readResponse is http.ReadResponse, which is given no more than the header, and
// which leaves a Connection field out that lists close.
func readResponse(br *bufio.Reader, req *http.Request) (*http.Response, error) {
	if err := speaksHTTP(br); err != nil {
		return nil, err
	}
	head, err := readHead(br)
	if err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), br)), req)
	if err != nil {
		return nil, err
	}
	if resp.Close {
		_, fields, _ := bytes.Cut(head, []byte("\n"))
		h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
		if err != nil {
			return nil, err
		}
		if options := h["Connection"]; len(options) > 0 {
			resp.Header["Connection"] = options
		}
	}
	return resp, nil
}

// speaksHTTP looks at how the response begins, as far as it has come: one that
// is not HTTP may have no line that could be waited for, such as a TLS alert.
func speaksHTTP(br *bufio.Reader) error {
	const begin = "HTTP/"
	for n := range len(begin) {
		b, err := br.Peek(n + 1)
		switch {
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case b[n] != begin[n]:
			b, _ = br.Peek(min(br.Buffered(), 32))
			return fmt.Errorf("the server does not speak HTTP/1.1: its answer begins with %q", b)
		}
	}
	return nil
}

// readHead reads up to and with the first empty line.
func readHead(br *bufio.Reader) (head []byte, err error) {
	for {
		line, err := br.ReadSlice('\n')
		begins := len(head) == 0 || head[len(head)-1] == '\n'
		head = append(head, line...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case begins && (len(line) == 1 || len(line) == 2 && line[0] == '\r'):
			return head, nil
		}
	}
}

// CheckResponse judges a 101 response to a request that sent key and offered
// the given subprotocols and extensions (RFC 6455 §4.1, what the client must
// validate). It returns the subprotocol that the server chose, "" for none, and
// the extensions, all of which were offered, none twice. Two
// Sec-WebSocket-Extensions lines are read as one list (§9.1).
func CheckResponse(h http.Header, key string, subprotocols, extensions []string) (string, []Extension, error) {
	if up := h["Upgrade"]; len(up) != 1 || !strings.EqualFold(trim(up[0]), "websocket") {
		return "", nil, errors.New("the response lacks the field Upgrade: websocket (RFC 6455 §4.1)")
	}
	if !HasToken(h["Connection"], "upgrade") {
		return "", nil, errors.New("the response lacks the field Connection: Upgrade (RFC 6455 §4.1)")
	}
	if accept := h["Sec-Websocket-Accept"]; len(accept) != 1 || trim(accept[0]) != AcceptKey(key) {
		return "", nil, errors.New("Sec-WebSocket-Accept does not answer the key that was sent (RFC 6455 §4.1)")
	}
	sub, err := chosenSubprotocol(h["Sec-Websocket-Protocol"], subprotocols)
	if err != nil {
		return "", nil, err
	}
	list, err := ParseExtensions(h["Sec-Websocket-Extensions"])
	if err != nil {
		return "", nil, err
	}
	for i, e := range list {
		if !slices.Contains(extensions, e.Name) {
			return "", nil, fmt.Errorf("the server chose the extension %q, which was not offered (RFC 6455 §4.1)", e.Name)
		}
		for _, other := range list[:i] {
			if other.Name == e.Name {
				return "", nil, fmt.Errorf("the server chose the extension %q twice (RFC 6455 §9.1)", e.Name)
			}
		}
	}
	return sub, list, nil
}

func chosenSubprotocol(lines, offered []string) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	chosen := trim(lines[0])
	if len(lines) > 1 || !slices.Contains(offered, chosen) {
		return "", fmt.Errorf("the server chose the subprotocol %q, which was not offered (RFC 6455 §4.1)", strings.Join(lines, ", "))
	}
	return chosen, nil
}

// Versions reads the list of versions that a refusing server supports (RFC 6455
// §4.4), several lines as one list; what is not a version is left out.
func Versions(lines []string) []int {
	var list []int
	for _, line := range lines {
		for v := range strings.SplitSeq(line, ",") {
			var n int
			if v = trim(v); len(v) == 0 || len(v) > 3 || strings.Trim(v, "0123456789") != "" {
				continue
			}
			for _, c := range []byte(v) {
				n = n*10 + int(c-'0')
			}
			if n <= 255 {
				list = append(list, n)
			}
		}
	}
	return list
}
