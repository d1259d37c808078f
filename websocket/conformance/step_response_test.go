package conformance

import (
	"bufio"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// answering is a server that reads requests without bodies and answers each with
// the next of the answers, on whichever connection; an empty one ends the
// connection, and so does one that says so.
func answering(t *testing.T, answers []string) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan string, len(answers))
	for _, a := range answers {
		next <- a
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { converse(nc, next) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/echo"}
}

// converse serves one connection.
func converse(nc net.Conn, next <-chan string) {
	defer nc.Close()
	for r := bufio.NewReader(nc); ; {
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		answer := <-next
		_, _ = io.WriteString(nc, answer)
		if answer == "" || strings.Contains(answer, "Connection: close") {
			return
		}
	}
}

const (
	ok      = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	noBody  = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	refuses = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n"
	bare    = "HTTP/1.1 405 Method Not Allowed\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	opening = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: Bz3qJYTGdOe8gUSpLosEdiLKDrk=\r\n\r\n"
)

func TestResponseSteps(t *testing.T) {
	t.Parallel()
	chosen := strings.Replace(opening, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: a\r\n\r\n", 1)
	for _, test := range []struct {
		name    string
		steps   string
		answers []string
		strict  string // what strict mode says: pass, or part of the reason
		interop string
	}{
		{"an ordinary request", "> plain GET /x\n< status 200\n< length\n< body \"hello\"", []string{ok}, "pass", "pass"},
		{"another body", "> plain GET /x\n< status 200\n< body \"other\"", []string{ok}, "the body is", "the body is"},
		{"a body that may not be", "> plain GET /x\n< status 200\n< body without \"ell\"", []string{ok}, "the body is", "the body is"},
		{"answers in the order of the requests", ">> plain HEAD /x\n> plain GET /x\n< status 200\n< status 405\n< field Allow: GET", []string{noBody, refuses}, "pass", "pass"},
		{"an answer to HEAD with a body", "> plain HEAD /x\n< status 200\n< closed", []string{ok}, `got "hello"`, `got "hello"`},
		{"only with that status", "> plain GET /x\n< status 405 200\n< when 405 field Allow ~ get\n< when 200 field Allow ~ get", []string{refuses}, "pass", "pass"},
		{"a field that the status asks for", "> plain GET /x\n< status 405\n< when 405 field Allow ~ GET", []string{bare}, "no field Allow", "no field Allow"},
		{"no length", "> plain GET /x\n< status 200\n< length", []string{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"}, "neither Content-Length", "neither Content-Length"},
		{"two answers alike", "> request\n< answered\nconnect\n> request\n< answered\n< same answer", []string{opening, opening}, "pass", "pass"},
		{"two refusals", "> plain GET /x\n< answered\n> plain GET /x\n< answered\n< same answer", []string{refuses, ok}, "pass", "pass"},
		{"two answers that differ", "> request\n< answered\nconnect\n> request\n< answered\n< same answer", []string{opening, refuses}, "the other a refusal", "the other a refusal"},
		{"two terms that differ", "> request\n| add Sec-WebSocket-Protocol: a\n< answered\nconnect\n> request\n< answered\n< same answer", []string{chosen, opening}, `subprotocol ["a"]`, `subprotocol ["a"]`},
		{"a 101 that is wrong", "> request\n< answered", []string{chosen}, "was not offered", "was not offered"},
		{"a tolerated opening", "> request\n< refused 400 ~101\n< closed", []string{opening}, "the connection opened", "pass"},
		{"a tolerated end", "> request\n< refused 400 ~end", []string{""}, "without a response", "pass"},
		{"an end that will do", "> request\n< open or end\n< subprotocol none", []string{""}, "pass", "pass"},
		{"a tolerated refusal", "> request\n< open or refused ~400\n< subprotocol none", []string{"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"}, "400 Bad Request", "pass"},
		{
			"the end of a case", "> request\n| add Sec-WebSocket-Extensions: permessage-deflate\n< open\n< unless client_no_context_takeover\n< closed",
			[]string{strings.Replace(opening, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n", 1)},
			"pass", "pass",
		},
		{"all is written", "hold\n> plain GET /x\nwritten\nread\n< status 200", []string{ok}, "pass", "pass"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := library{groups: map[string]*Group{}}
			if err := l.parse("test", "group T RFC 9112\nitem T-1 server MUST\ncase c\n"+test.steps); err != nil {
				t.Fatal(err)
			}
			for mode, want := range map[string]string{"strict": test.strict, "interop": test.interop} {
				r := newRun(&Options{Strict: mode == "strict"}, ServerActor)
				r.server = answering(t, test.answers)
				res := r.one(t.Context(), l.groups["T"].Items[0].Cases[0])
				if want == "pass" && res.Verdict != Passed || want != "pass" && (res.Verdict != Failed || !strings.Contains(res.Reason, want)) {
					t.Errorf("%s mode: %s %s, want %s", mode, res.Verdict, res.Reason, want)
				}
			}
		})
	}
}
