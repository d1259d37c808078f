package handshake_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/internal/handshake"
)

func TestAcceptKey(t *testing.T) {
	for key, want := range map[string]string{
		"dGhlIHNhbXBsZSBub25jZQ==": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", // RFC 6455 §1.3
		"AAECAwQFBgcICQoLDA0ODw==": "Bz3qJYTGdOe8gUSpLosEdiLKDrk=",
		"AAAAAAAAAAAAAAAAAAAAAA==": "ICX+Yqv66kxgM0FcWaLWlFLwTAI=",
		"/////////////////////w==": "XXpj4jYzLM2yUE0C7TIgMwTQh2g=",
		"AQIDBAUGBwgJCgsMDQ4PEA==": "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=",
		"AQIDBAUGBwgJCgsMDQ4PEC==": "OfS0wDaT5NoxF2gqm7Zj2YtetzM=",
	} {
		if got := handshake.AcceptKey(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestHasToken(t *testing.T) {
	for _, c := range []struct {
		lines []string
		has   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"upgrade"}, true},
		{[]string{"keep-alive, UPGRADE"}, true},
		{[]string{"keep-alive", "Upgrade"}, true},
		{[]string{",\tUpgrade ,"}, true},
		{[]string{"upgraded, xupgrade, up grade, \"upgrade\", upgrade;q=1"}, false},
	} {
		if got := handshake.HasToken(c.lines, "upgrade"); got != c.has {
			t.Errorf("%q: %v", c.lines, got)
		}
	}
}

func TestParseExtensions(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, "[]"},
		{[]string{"a"}, "[{a []}]"},
		{[]string{"a; b; c=d, e"}, "[{a [{b  false} {c d true}]} {e []}]"},
		{[]string{`a; b="c"`, "e"}, "[{a [{b c true}]} {e []}]"},
		{[]string{`a;b="\c\d"`}, "[{a [{b cd true}]}]"},
		{[]string{" ,a ; b = c ,,"}, "[{a [{b c true}]}]"},
		{[]string{"", "a"}, "[{a []}]"},
	} {
		list, err := handshake.ParseExtensions(c.lines)
		if got := fmt.Sprint(list); err != nil || got != c.want {
			t.Errorf("%q: %s, %v; want %s", c.lines, got, err, c.want)
		}
	}
	for _, bad := range []string{"", ",", "a;", "a b", "a;=b", "a;b=", `a;b=""`, `a;b="c`, `a;b="c d"`, `a;b="\`, `a;b="\"`, `a;b="c"d`, `"a"`, "a/b", "ä", ";", "a,;b"} {
		if list, err := handshake.ParseExtensions([]string{bad}); err == nil {
			t.Errorf("%q: %v", bad, list)
		}
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string][]int{"13": {13}, "8, 7 ,0": {8, 7, 0}, "": nil, "x, -1, 256, 999, 1000, 1 3, 255": {255}} {
		if got := handshake.Versions([]string{text}); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := handshake.Versions([]string{"8", "7, 0"}); !slices.Equal(got, []int{8, 7, 0}) {
		t.Errorf("two lines: %v", got)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"https://a.test":         "https://a.test",
		"a\x1b]0;x\x07\r\n\x7f":  `a\x1b]0;x\x07\x0d\x0a\x7f`,
		"ä\xff":                  `\xc3\xa4\xff`,
		strings.Repeat("a", 200): strings.Repeat("a", 200),
		strings.Repeat("a", 999): strings.Repeat("a", 200) + "...",
	} {
		if got := handshake.Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// read gives a response to ReadResponse.
func read(text, method string) (*http.Response, *bufio.Reader, error) {
	limit := &io.LimitedReader{R: strings.NewReader(text), N: handshake.MaxResponse}
	br := bufio.NewReaderSize(limit, 16)
	resp, err := handshake.ReadResponse(br, limit, &http.Request{Method: method})
	return resp, br, err
}

func TestReadResponse(t *testing.T) {
	// Connection stays as it was sent, also when it lists close.
	resp, br, err := read(response+"Connection: close, x\r\n\r\nrest", "GET")
	if err != nil || !slices.Equal(resp.Header["Connection"], []string{"Upgrade", "close, x"}) || !resp.Close {
		t.Errorf("%+v, %v", resp, err)
	}
	if rest, _ := io.ReadAll(br); string(rest) != "rest" {
		t.Errorf("behind the header: %q", rest)
	}
	// A refusal's body is framed as HTTP has it.
	for head, want := range map[string]string{"Content-Length: 3": "abc", "Transfer-Encoding: chunked": "bc", "Connection: close": "abc\r\nbc\r\n0\r\n\r\n"} {
		body := "abc\r\nbc\r\n0\r\n\r\n"
		if strings.HasPrefix(head, "Transfer") {
			body = "2\r\nbc\r\n0\r\n\r\n"
		}
		resp, _, err := read("HTTP/1.1 400 No\r\n"+head+"\r\n\r\n"+body, "GET")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(resp.Body); string(got) != want {
			t.Errorf("%s: %q, want %q", head, got, want)
		}
	}
	for _, c := range []struct {
		text, method string
		ok           bool
	}{
		{"HTTP/1.0 200 OK\r\n\r\n", "CONNECT", true},
		{"HTTP/1.0 200 OK\r\n\r\n", "GET", false},
		{"HTTP/2.0 200 OK\r\n\r\n", "CONNECT", false},
		{strings.Repeat("HTTP/1.1 100 \r\n\r\n", 8) + response + "\r\n", "GET", true},
		{strings.Repeat("HTTP/1.1 100 \r\n\r\n", 9) + response + "\r\n", "GET", false},
		{response, "GET", false},
		{"", "GET", false},
		{"\r\n" + response + "\r\n", "GET", false},
		{response + "X\r\r\n\r\n", "GET", false},
	} {
		if resp, _, err := read(c.text, c.method); (err == nil) != c.ok {
			t.Errorf("%q to %s: %v, %v", c.text, c.method, resp, err)
		}
	}
	if _, _, err := read(response+"X: "+strings.Repeat("y", handshake.MaxResponse), "GET"); !errors.Is(err, handshake.ErrResponseTooBig) {
		t.Errorf("a header without end: %v", err)
	}
}
