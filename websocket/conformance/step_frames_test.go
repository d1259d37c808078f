package conformance

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// saying is a server that opens each connection, sends these octets, ends its
// direction unless it goes on for ever, and reads all that comes.
func saying(t *testing.T, octets []byte, goesOn bool) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer nc.Close()
				r := bufio.NewReader(nc)
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				_, _ = io.WriteString(nc, strings.Replace(opening, "\r\n\r\n", extensionLine(req)+"\r\n\r\n", 1))
				_, _ = nc.Write(octets)
				if !goesOn {
					_ = nc.(*net.TCPConn).CloseWrite()
				}
				_, _ = io.Copy(io.Discard, r)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/echo"}
}

// extensionLine accepts what a request offers, as it stands.
func extensionLine(req *http.Request) string {
	if offer := req.Header.Get("Sec-WebSocket-Extensions"); offer != "" {
		return "\r\nSec-WebSocket-Extensions: " + offer
	}
	return ""
}

// playServer plays one case, given as text, with a server.
func playServer(t *testing.T, u *url.URL, text string, strict bool) Result {
	t.Helper()
	l := library{groups: map[string]*Group{}}
	if err := l.parse("test.txt", "group T-1 RFC 0 §0\nitem T-1-01 server MUST\nrule None.\ncase a case\n"+text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	r := newRun(&Options{Strict: strict, Within: time.Second, Timeout: 20 * time.Second}, ServerActor)
	r.features, r.server = []string{"all"}, u
	return r.one(t.Context(), l.groups["T-1"].Items[0].Cases[0])
}

func TestFrameSteps(t *testing.T) {
	t.Parallel()
	const end, closes = "", "88 02 03 e8"
	for _, test := range []struct {
		name   string
		steps  string
		octets string
		strict string // what strict mode says: pass, skip, or part of the reason
	}{
		{"a message twice", `< text "a" times 2`, "81 01 61 81 01 61", "pass"},
		{"a message once", `< text "a" times 2`, "81 01 61", "after 1 message"},
		{"the library's refusal", "< error", "81 08 65 72 72 6f 72 3a 20 78", "pass"},
		{"no refusal", "< error", "81 01 61", `got the text message "a"`},
		{"perhaps a refusal", "< maybe error\n< close 1000", "81 08 65 72 72 6f 72 3a 20 78" + closes, "pass"},
		{"no refusal, though one may be", "< maybe error\n< close 1000", closes, "pass"},
		{"a message that nobody asked for", "< close 1000", "81 01 61" + closes, "got the text"},
		{"messages that are ignored", "ignore messages\n< close 1000", "81 01 61 82 00" + closes, "pass"},
		{"a message that begins", "< begins binary\n< binary 61 62", "02 01 61 80 01 62", "pass"},
		{"a message that is whole", "< begins binary", "82 01 61", "got binary"},
		{"a Pong inside", `< begins text
			< amid pong "z"
			< text "ab"`, "01 01 61 8a 01 7a 80 01 62", "pass"},
		{"a Pong behind", `< amid pong "z"`, "8a 01 7a", "no message was open"},
		{"a message instead of a Pong", `< amid pong "z"`, "01 01 61 80 01 62 8a 01 7a", "got the text"},
		{"writers", "< writers 2 2", "82 02 00 00 82 01 01 02 01 01 80 01 01 82 01 00", "pass"},
		{"one writer too many", "< writers 1 2", "82 01 00 82 01 01", "one too many"},
		{"mixed writers", "< writers 2 1", "82 02 00 01", "mixed"},
		{"a message or a failure: the message", `< text "a" or fail 1007
			< close 1000`, "81 01 61" + closes, "pass"},
		{"a message or a failure: the failure", `< text "a" or fail 1007
			< text "never"`, "88 02 03 ef", "pass"},
		{"a message or a failure: another", `< text "a" or fail 1007`, "88 02 03 f0", "got Close 1008"},
		{"cut off with a Close", "< cutoff 1008", "88 02 03 f0", "pass"},
		{"cut off without", "< cutoff 1008", end, "pass"},
		{"cut off with another", "< cutoff 1008", closes, "got Close 1000"},
		{"a Close among several", "< close 1001|4000-4999", "88 02 0f a1", "pass"},
		{"a reason without a word", `< close 1011 without "panic" "goroutine"`, "88 05 03 f3 6f 6f 70", "pass"},
		{"a reason with it", `< close 1011 without "oop"`, "88 05 03 f3 6f 6f 70", "got Close 1011"},
		{"whatever comes", "< over", "81 01 61 8a 00 89 00" + closes, "pass"},
		{"whatever comes, but for what is wrong", "< over", "83 00", "reserved opcode"},
		{"the end inside a frame", "< end", "81 05 61", "pass"},
		{"the end inside a frame, instead of a Close", "< close 1000", "81 05 61", "inside a frame"},
		{"more than may come", "< over\n< at most 3", "81 01 61 81 01 61", "had been kept"},
		{"as much as may come", "hold\nread\n< over\n< at most 1MiB", "81 01 61 81 01 61", "pass"},
		{"another connection", "< text \"a\"\nreopen\n< text \"a\"\nswitch 0\n< close 1000\nswitch 1\n< close 1000", "81 01 61" + closes, "pass"},
		{"no such connection", "> ping\nreopen\nswitch 2", end, "there are 2 connections"},
		{"Pings", "< only pings 1ms\n< end", "89 00 89 00", "the end of the stream"},
		{"a loop", "for n: a | b\nreopen\n< text \"{n}\"\nnext", "81 01 61", `got the text message "a"`},
		{"a loop of several names", "for n m: a 1 | b 2\n> text \"{n}{m}\"\nnext\n< close 1000", closes, "pass"},
		{"a message that looks back", "offer permessage-deflate\ntakeover\n< close 1000", closes, "pass"},
		{"a message that may not look back", "offer permessage-deflate; client_no_context_takeover\ntakeover\n< close 1000", closes, "skip"},
		{"TLS where there is none", "truncate", closes, "skip"},
		{"what is not taken", "> ping 00*125 times 3\nstop 1s\n< close 1000", closes, "pass"},
	} {
		u := saying(t, fromHex(t, test.octets), false)
		res := playServer(t, u, test.steps, true)
		switch want := test.strict; {
		case want == "pass" && res.Verdict != Passed, want == "skip" && res.Verdict != Skipped,
			want != "pass" && want != "skip" && (res.Verdict != Failed || !strings.Contains(res.Reason, want)):
			t.Errorf("%s: %v %s", test.name, res.Verdict, res.Reason)
		}
	}
}

// TestStop has a peer take nothing: what it does not take is given up.
func TestStop(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer there.Close()
	w := newWire(here, 0, &recorder{started: time.Now()})
	defer w.close()
	w.send(make([]byte, 1000), 1000, "")
	w.stop(10 * time.Millisecond)
	w.drained(10 * time.Second)
	if w.mu.Lock(); w.writing || w.written != 0 || !w.stopped {
		t.Errorf("writing %t, written %d, stopped %t", w.writing, w.written, w.stopped)
	}
	w.mu.Unlock()
}

// TestStall has an end stop inside a frame: that is not the end of the stream.
func TestStall(t *testing.T) {
	t.Parallel()
	u := saying(t, []byte{0x82, 0x7E}, true)
	for _, step := range []string{"< end", "< fail 1002", "< close 1000"} {
		if res := playServer(t, u, "< within 50ms "+strings.TrimPrefix(step, "< "), false); res.Verdict != Failed || !strings.Contains(res.Reason, "came in time") {
			t.Errorf("%s: %v %s", step, res.Verdict, res.Reason)
		}
	}
}

// TestWithoutEnd has a server send messages that nobody looks at, for ever: what is
// waited for has its time all the same.
func TestWithoutEnd(t *testing.T) {
	t.Parallel()
	u := flooding(t)
	for _, step := range []string{"end", "close 1000", "reply 1000", `pong "z"`} {
		if res := playServer(t, u, "ignore messages\n< within 50ms "+step, true); res.Verdict != Failed || !strings.Contains(res.Reason, "came in time") {
			t.Errorf("%s: %v %s", step, res.Verdict, res.Reason)
		}
	}
}

// TestCaseTimeout has a case end by its own time: the connections that the suite then
// closes are not the end that the case waits for.
func TestCaseTimeout(t *testing.T) {
	t.Parallel()
	u := saying(t, nil, true)
	l := library{groups: map[string]*Group{}}
	if err := l.parse("test.txt", "group T-1 RFC 0 §0\nitem T-1-01 server MUST\nrule None.\ncase a case\n< end"); err != nil {
		t.Fatal(err)
	}
	r := newRun(&Options{Strict: true, Timeout: 50 * time.Millisecond, Within: time.Minute}, ServerActor)
	r.features, r.server = []string{"all"}, u
	if res := r.one(t.Context(), l.groups["T-1"].Items[0].Cases[0]); res.Verdict != Failed || !strings.Contains(res.Reason, "too long") {
		t.Errorf("%v %s", res.Verdict, res.Reason)
	}
}

// flooding is a server that opens each connection and sends messages without end.
func flooding(t *testing.T) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer nc.Close()
				if _, err := http.ReadRequest(bufio.NewReader(nc)); err != nil {
					return
				}
				_, err := io.WriteString(nc, opening)
				for err == nil {
					_, err = nc.Write([]byte{0x81, 0x01, 'a'})
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/echo"}
}

// TestWrongSteps has the lines that are none refused when they are read.
func TestWrongSteps(t *testing.T) {
	for _, text := range []string{
		"for n: 1..3\n> text \"a\"", "for n: 1..3\nfor m: 1..3\nnext\nnext", "next", "for n\nnext", "for n m: 1 | 2 3\nnext",
		"each n m: 1 2 3\n> text", "< writers 3", "< begins", "< amid text", "< error x", "< at least 3", "< at most", "< text or fail x", "< ping or fail 1002",
		"< close 1000-", "< cutoff x", "ignore", "stop", "switch", "tls-version 2.0", "> text parts x", "< maybe close 1000",
	} {
		l := library{groups: map[string]*Group{}}
		if err := l.parse("test.txt", "group T-1 RFC 0 §0\nitem T-1-01 server MUST\nrule None.\ncase a case\n"+text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestRecorder keeps the first events and the last.
func TestRecorder(t *testing.T) {
	r := recorder{started: time.Now()}
	for i := range keptFirst + keptLast + 3 {
		r.add(Event{Total: i, Octets: make([]byte, i)})
	}
	list := r.list()
	if len(list) != keptFirst+1+keptLast || list[keptFirst].What != "3 events left out here" || list[keptFirst+1].Total != keptFirst+3 || list[len(list)-1].Total != keptFirst+keptLast+2 {
		t.Errorf("%d events, %q, then %d to %d", len(list), list[keptFirst].What, list[keptFirst+1].Total, list[len(list)-1].Total)
	}
}
