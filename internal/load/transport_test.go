package load

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// silent is an engine whose connections a test speaks for.
type silent struct {
	crowded
	written []string
	dialled int
}

func (e *silent) write(_ int, b []byte)     { e.written = append(e.written, string(b)) }
func (e *silent) dial(int, netip.Addr) bool { e.dialled++; return false }

// session returns a fleet of one session that is being opened.
func session(t *testing.T, transport Transport) (*Fleet, *silent) {
	t.Helper()
	e := &silent{}
	f := &Fleet{o: Options{Dialect: &Openline{Host: "h", Channel: "c", Prefix: "u"}, Transport: transport, Interval: time.Hour}, e: e, start: time.Now()}
	f.members, f.sessions = make([]member, 1), 1
	f.connected(0)
	f.run = &run{f: f, id: 7, next: make([]uint32, 1), plan: Plan{Publishers: 1}, readers: 1}
	return f, e
}

// chunked is a body in chunks of that size.
func chunked(body string, size int) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String()
}

func TestStreamsHoweverCut(t *testing.T) {
	one, two := string(stamp{run: 7, number: 0}.body(60)), string(stamp{run: 7, number: 1}.body(60))
	bodies := map[Transport]string{
		EventSource: "retry: 1000\n\n:\n\nid: 1\nevent: sys:open\ndata: {}\n\nid: 2\ndata: " + one + "\n\n:\n\ndata:" + two + "\n\n",
		Stream:      "{}\n\n" + one + "\n\n" + two + "\n",
	}
	for transport, body := range bodies {
		for _, size := range []int{1, 7, 40, 1000} {
			answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, size)
			for step := 1; step <= len(answer); step += 5 {
				f, _ := session(t, transport)
				for rest := answer; len(rest) > 0; {
					n := min(step, len(rest))
					f.received(0, []byte(rest[:n]))
					rest = rest[n:]
				}
				if r := f.run; f.Ready() != 1 || r.Deliveries != 2 || r.Lost+r.Duplicates != 0 || f.wire.received != uint64(len(answer)) || f.requests != 1 {
					t.Fatalf("transport %d, chunks of %d, %d at once: %d ready, %+v", transport, size, step, f.Ready(), r.Traffic)
				}
			}
		}
	}
}

func TestStreamsThatAreNone(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 503 Busy\r\nContent-Length: 17\r\n\r\n{\"detail\":\"full\"}":            "HTTP 503: full",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":                                  errBody.Error(),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("f", 20): errBody.Error(),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                  errEnd.Error(),
	} {
		f, _ := session(t, Stream)
		f.run, f.opening = nil, &opening{f: f, Opened: Opened{Refused: make(map[string]int)}}
		f.received(0, []byte(answer))
		if f.opening.Refused[want] != 1 {
			t.Errorf("%q: %v", answer, f.opening.Refused)
		}
	}
}

func answered(body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestPolls(t *testing.T) {
	one, two := string(stamp{run: 7, number: 0}.body(60)), string(stamp{run: 7, number: 1}.body(60))
	open := `{"cursor":"a-1.s","messages":[{"type":"sys:open","data":{"cursor":"a-0"}}]}`
	f, e := session(t, LongPoll)
	f.received(0, answered(open)[:30])
	f.received(0, answered(open)[30:])
	f.received(0, answered(`{"cursor":"a-3.s","messages":[`+one+`,`+two+`]}`))
	f.received(0, answered(`{"cursor":"a-3.s","messages":[]}`))
	if len(e.written) != 4 || !strings.HasPrefix(e.written[0], "GET /poll/u0?channels=c&wait=25s HTTP/1.1\r\n") || !strings.Contains(e.written[2], "&since=a-3.s&wait=25s ") {
		t.Errorf("requests %q", e.written)
	}
	if f.Ready() != 1 || f.run.Deliveries != 2 || f.wire.requests != 4 || f.wire.empty != 2 { // the first has none either
		t.Errorf("%d ready, %+v, %+v", f.Ready(), f.wire, f.run.Traffic)
	}
	// The server may end a connection, and what was asked for is asked for again.
	f.ended(0, errEnd)
	f.connected(0)
	if e.dialled != 1 || len(e.written) != 5 || e.written[4] != e.written[3] || f.Ready() != 1 {
		t.Errorf("dialled %d times, requests %q", e.dialled, e.written)
	}
}

func TestPollsAtAnInterval(t *testing.T) {
	f, e := session(t, Poll)
	f.received(0, answered(`{"cursor":"a-1.s","messages":[{}]}`))
	if len(e.written) != 1 || len(f.dues) != 1 {
		t.Fatalf("requests %q, due %v", e.written, f.dues)
	}
	f.dues[0].at = f.now()
	if d := f.askDue(time.Second); d != time.Second || len(e.written) != 2 || !strings.HasPrefix(e.written[1], "GET /poll/u0?channels=c&since=a-1.s HTTP/1.1") {
		t.Errorf("%v, requests %q", d, e.written)
	}
	f.received(0, answered(`{"cursor":"a-1.s","messages":[],"more":true}`)) // so there is no need to wait
	if len(e.written) != 3 {
		t.Errorf("requests %q", e.written)
	}
	f.received(0, answered(`{"cursor":"a-1.s","messages":[]}`))
	f.ended(0, errEnd) // between two polls
	f.dues[0].at = f.now()
	f.askDue(time.Second) // while it is dialled
	f.connected(0)
	if len(e.written) != 4 || e.dialled != 1 {
		t.Errorf("requests %q", e.written)
	}
}

// Clients publish over a WebSocket of their own.
func TestClientsPublish(t *testing.T) {
	f, e := session(t, WebSocket)
	r := f.run
	r.plan.Say, r.accepted, r.Refused = true, make([]uint32, 1), map[string]uint64{}
	f.members = append(f.members, member{pub: &publisher{}})
	f.connected(1)
	f.received(1, []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02{}\x89"))
	f.received(1, []byte("\x01!"))
	for _, answer := range []string{`{"type":"sys:ok"}`, `{"type":"sys:error"}`} {
		r.plan.Rate, r.plan.Time, r.plan.Size = 0, time.Hour, 50
		r.publish(f.now())
		f.received(1, append([]byte{0x81, byte(len(answer))}, answer...))
	}
	if len(e.written) != 5 || !strings.HasPrefix(e.written[1], "GET /ws/u0 HTTP/1.1\r\n") || e.written[2][0] != '\x8a' || e.written[3][0] != '\x81' {
		t.Errorf("written %q", e.written)
	}
	if r.Published != 1 || len(r.Refused) != 1 || r.said.requests != 2 || r.said.sent != uint64(len(e.written[3])+len(e.written[4])) || r.err != nil {
		t.Errorf("%+v, %+v, %v", r.Traffic, r.said, r.err)
	}
	if _, err := f.Publish(t.Context(), &Plan{Say: true, Unicast: true}); err == nil {
		t.Error("clients say something to one user")
	}
}

func TestTransportsWantADialect(t *testing.T) {
	type other struct{ Dialect }
	if _, err := New(&Options{Dialect: other{}, Transport: Stream}); err == nil || !strings.Contains(err.Error(), "WebSocket alone") {
		t.Errorf("the error is %v", err)
	}
}
