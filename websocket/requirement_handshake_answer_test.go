package websocket_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/internal/frame"
)

// answer is one response of a server, whole.
type answer struct {
	*http.Response
	body string
	head string // as it came
}

// exchange sends in, in pieces of size, on a connection of its own and reads
// until the server closes, which what is sent must bring about. It returns the
// responses, and what followed a 101. A reset is an error.
func (s *stack) exchange(t testing.TB, in string, size int, methods ...string) ([]answer, string) {
	t.Helper()
	nc := s.dialRaw(t)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for rest := in; rest != ""; {
			n := min(size, len(rest))
			if _, err := io.WriteString(nc, rest[:n]); err != nil {
				return // the server has closed: what it sent counts
			}
			rest = rest[n:]
		}
	}()
	out, err := io.ReadAll(nc)
	if err != nil {
		t.Errorf("%.100q: after %q: %v", in, out, err)
	}
	nc.Close()
	<-written
	list, rest, err := parseAnswers(out, methods...)
	if err != nil {
		t.Errorf("%.100q: answer %q: %v", in, out, err)
	}
	return list, rest
}

// parseAnswers takes a server's octets apart; methods are those of the requests,
// GET where there is none.
func parseAnswers(out []byte, methods ...string) (list []answer, rest string, err error) {
	r := bytes.NewReader(out)
	br := bufio.NewReader(r)
	at := func() int { return len(out) - r.Len() - br.Buffered() }
	for at() < len(out) || br.Buffered() > 0 {
		req := &http.Request{Method: http.MethodGet}
		if len(methods) > 0 {
			req.Method = methods[0]
		}
		from := at()
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return list, "", err
		}
		a := answer{Response: resp, head: string(out[from:at()])}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return append(list, a), string(out[at():]), nil
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return list, "", err
		}
		a.body = string(body)
		list = append(list, a)
		if resp.StatusCode >= 200 {
			methods = methods[min(1, len(methods)):]
		}
	}
	return list, "", nil
}

// options returns the elements of the Connection field, which net/http removes.
func (a answer) options() (list []string) {
	for line := range strings.SplitSeq(a.head, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Connection") {
			for option := range strings.SplitSeq(value, ",") {
				list = append(list, strings.TrimSpace(option))
			}
		}
	}
	return list
}

func statuses(list []answer) []int {
	codes := make([]int, 0, len(list))
	for _, a := range list {
		codes = append(codes, a.StatusCode)
	}
	return codes
}

// opens checks that request opens a connection on which frames work.
func (s *stack) opens(t testing.TB, request string) answer {
	t.Helper()
	return s.opensBy(t, request, len(request)+100)
}

func (s *stack) opensBy(t testing.TB, request string, size int) answer {
	t.Helper()
	list, rest := s.exchange(t, request+hiAndBye, size)
	if codes := statuses(list); !slices.Equal(codes, []int{101}) {
		t.Errorf("%.120q: %d, want 101: %s", request, codes, bodies(list))
		return answer{Response: &http.Response{Header: http.Header{}}}
	}
	if rest != echoHi+echoBye {
		t.Errorf("%.120q: after the 101 came %s", request, frames(rest))
	}
	checkOpening(t, request, list[0])
	if list[0].Header["Sec-Websocket-Extensions"] != nil && !s.extensions {
		t.Errorf("%.120q: the 101 has extensions", request)
	}
	return list[0]
}

// checkOpening checks a 101 response.
func checkOpening(t testing.TB, request string, a answer) {
	t.Helper()
	for name, want := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"} {
		if got := a.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%.120q: %s is %q, want %q once", request, name, got, want)
		}
	}
	if len(a.Header["Sec-Websocket-Accept"]) != 1 {
		t.Errorf("%.120q: Sec-WebSocket-Accept is %q", request, a.Header["Sec-Websocket-Accept"])
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
		if len(a.Header[name]) > 0 || strings.Contains(strings.ToLower(a.head), strings.ToLower(name)) {
			t.Errorf("%.120q: the 101 has %s", request, name)
		}
	}
	if !strings.HasPrefix(a.head, "HTTP/1.1 101 ") {
		t.Errorf("%.120q: %q", request, a.head)
	}
}

// refused checks that request gets one complete response with one of the
// statuses given, that the connection ends then, and that what follows is not
// run as a request.
func (s *stack) refused(t testing.TB, request string, want ...int) answer {
	t.Helper()
	list, rest := s.exchange(t, request+adminRequest, len(request)+len(adminRequest), methodOf(request))
	if s.admin.Load() > 0 {
		t.Fatalf("%.120q: /admin was run", request)
	}
	if len(list) != 1 || !slices.Contains(want, list[0].StatusCode) || rest != "" {
		t.Errorf("%.120q: %d, want one of %d; then %q", request, statuses(list), want, rest)
		return answer{Response: &http.Response{Header: http.Header{}}}
	}
	a := list[0]
	if !a.Close {
		t.Errorf("%.120q: %d without Connection: close", request, a.StatusCode)
	}
	if a.ContentLength < 0 {
		t.Errorf("%.120q: %d without Content-Length", request, a.StatusCode)
	}
	a.checkUpgradeRequired(t)
	return a
}

// checkUpgradeRequired checks what RFC 9110 §15.5.22 and §7.8 demand of a 426.
func (a answer) checkUpgradeRequired(t testing.TB) {
	t.Helper()
	if a.StatusCode == http.StatusUpgradeRequired && (a.Header.Get("Upgrade") != "websocket" || !slices.Contains(a.options(), "Upgrade")) {
		t.Errorf("426 lacks Upgrade: websocket or Connection: Upgrade: %q", a.head)
	}
}

// ordinary checks that request, which is not an opening one, gets one response
// with the status given and that the connection goes on.
func (s *stack) ordinary(t testing.TB, request string, want int) answer {
	t.Helper()
	list, _ := s.exchange(t, request+lastRequest, len(request)+len(lastRequest), methodOf(request))
	if codes := statuses(list); !slices.Equal(codes, []int{want, 200}) {
		t.Errorf("%.120q: %d, want %d and 200", request, codes, want)
		return answer{Response: &http.Response{Header: http.Header{}}}
	}
	return list[0]
}

func methodOf(request string) string {
	method, _, _ := strings.Cut(strings.TrimLeft(request, "\r\n"), " ")
	return method
}

func bodies(list []answer) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.body)
	}
	return b.String()
}

// frames describes octets as frames.
func frames(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		h, n, err := frame.ParseHeader([]byte(s))
		if err != nil || n == 0 || uint64(len(s)-n) < h.Length {
			fmt.Fprintf(&b, "octets %x", s)
			break
		}
		fmt.Fprintf(&b, "%s %q; ", h.Opcode, s[n:n+int(h.Length)])
		s = s[n+int(h.Length):]
	}
	return b.String()
}
