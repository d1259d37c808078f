package conformance

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// floods is a server that opens every connection and then sends the same octets
// without end.
func floods(t *testing.T, fields string, first, again []byte) *url.URL {
	t.Helper()
	u := serves(t, func(nc net.Conn) {
		if _, err := io.ReadFull(nc, make([]byte, 32)); err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, nc) }() // it ends with the connection
		_, err := io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: "+acceptValue(baseKey)+"\r\n"+fields+"\r\n"+string(first))
		for err == nil {
			_, err = nc.Write(again)
		}
	})
	return u
}

// serves is a server of connections.
func serves(t *testing.T, handle func(net.Conn)) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				handle(nc)
			}()
		}
	}()
	return &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/echo"}
}

// caseOf is one case of these lines.
func caseOf(t *testing.T, lines string) *Case {
	t.Helper()
	l := library{groups: map[string]*Group{}}
	if err := l.parse("test.txt", "group T-1 RFC 0 §0\nitem T-1-01 server MUST\nrule None.\ncase a case\n"+lines); err != nil {
		t.Fatalf("%v in\n%s", err, lines)
	}
	return l.groups["T-1"].Items[0].Cases[0]
}

// TestFloods has ends send without end: the case ends, fails, and gives back all
// that it kept.
func TestFloods(t *testing.T) {
	var zeros bytes.Buffer
	w, _ := flate.NewWriter(&zeros, flate.BestCompression)
	_, _ = w.Write(make([]byte, mostInflated+1))
	_ = w.Flush()
	bomb := &frameSpec{opcode: opBinary, fin: true, rsv: 4, payload: bytes.TrimSuffix(zeros.Bytes(), []byte("\x00\x00\xff\xff"))}
	message := (&frameSpec{opcode: opBinary, fin: true, payload: make([]byte, 1<<20)}).append(nil, false)
	piece := (&frameSpec{opcode: opContinuation, payload: make([]byte, 1<<20)}).append(nil, false)
	const deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	for _, test := range []struct {
		name, steps, fields string
		first, again        []byte
		want                string
	}{
		{"Pings", `< text "a"`, "", nil, bytes.Repeat([]byte("\x89\x01a"), 10000), ""},
		{"Pongs", `< text "a"`, "", nil, bytes.Repeat([]byte("\x8a\x01a"), 10000), ""},
		{"messages", "< pong", "", nil, message, ""},
		{"fragments", `< text "a"`, "", []byte("\x02\x00"), piece, ""},
		{"empty fragments", `< text "a"`, "", []byte("\x02\x00"), bytes.Repeat([]byte("\x00\x00"), 10000), ""},
		{"a frame of 512 GiB", `< text "a"`, "", []byte("\x82\x7f\x00\x00\x00\x80\x00\x00\x00\x00"), message, "longer than anything"},
		{"a frame of 2^63", `< text "a"`, "", []byte("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), message, "64-bit form"},
		{"a bomb", "offer permessage-deflate\n" + `< text "a"`, deflate, nil, bomb.append(nil, false), "inflates to more"},
		{"messages at the end", "< over", "", nil, message, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := keptInAll.Load()
			o := &Options{Strict: true}
			if test.want == "" { // only time ends it, or it becomes too much, whichever is first
				o.Within, o.Timeout = 200*time.Millisecond, 500*time.Millisecond
			}
			r := newRun(o, ServerActor)
			r.server = floods(t, test.fields, test.first, test.again)
			res := r.one(t.Context(), caseOf(t, test.steps))
			if res.Verdict != Failed || !strings.Contains(res.Reason, test.want) {
				t.Errorf("got %v %q, want a failure with %q", res.Verdict, res.Reason, test.want)
			}
			if n := keptInAll.Load() - before; n != 0 {
				t.Errorf("%d octets are still counted", n)
			}
		})
	}
}

// TestResponseFloods has responses go on without end.
func TestResponseFloods(t *testing.T) {
	for _, test := range []struct{ name, first, again, want string }{
		{"interim responses", "", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), "none was final"},
		{"chunks", "HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n" + strings.Repeat("a", 1<<16) + "\r\n", "more than anything"},
		{"a chunk's size", "HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("0", 1<<16), "a line of more"},
		{"a body of 1 GiB", "HTTP/1.1 400 No\r\nContent-Length: 1073741824\r\n\r\n", strings.Repeat("0", 1<<16), "more than anything"},
		{"a body without a length", "HTTP/1.1 400 No\r\n\r\n", strings.Repeat("0", 1<<16), "how long its body is"},
		{"a header section", "HTTP/1.1 400 No\r\n", strings.Repeat("X: y\r\n", 1<<14), "header section"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(&Options{Within: 3 * time.Second}, ServerActor)
			r.server = serves(t, func(nc net.Conn) {
				_, err := io.WriteString(nc, test.first)
				for err == nil {
					_, err = io.WriteString(nc, test.again)
				}
			})
			res := r.one(t.Context(), caseOf(t, "> request\n< refused 400"))
			if res.Verdict != Failed || !strings.Contains(res.Reason, test.want) {
				t.Errorf("got %v %q, want a failure with %q", res.Verdict, res.Reason, test.want)
			}
		})
	}
}

// TestMost has more come than the suite keeps.
func TestMost(t *testing.T) {
	d := decoder{open: opBinary, data: make([]byte, mostMessage)}
	if _, err := d.add(&frame{opcode: opContinuation, header: []byte{0, 1}, payload: []byte("a")}); err == nil {
		t.Error("a message has no end")
	}
	p := &play{w: &wire{}, aside: mostAside - arrivalSize}
	defer func() { p.w.changed = make(chan struct{}); p.w.drop() }()
	if err := p.setAside(&arrival{kind: gotPong}); err != nil {
		t.Error(err)
	}
	if err := p.setAside(&arrival{kind: gotPong}); err == nil {
		t.Error("without end Pongs are put aside")
	}
}

// TestRoom has a connection that is full read no further until there is room.
func TestRoom(t *testing.T) {
	here, there := net.Pipe()
	w := newWire(here, 0, &recorder{started: time.Now()})
	defer there.Close()
	defer w.close()
	defer w.drop()
	w.account(share + 1)
	keptInAll.Add(mostInAll)
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = there.Write([]byte("a")) // the read that has begun may take it
		_, _ = there.Write([]byte("b"))
	}()
	if _, err := w.need(2, time.Now().Add(100*time.Millisecond)); err != errTimeout {
		t.Errorf("got %v, want %v", err, errTimeout)
	}
	keptInAll.Add(-mostInAll)
	<-written
	if b, err := w.need(2, time.Now().Add(10*time.Second)); err != nil || string(b) != "ab" {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestEnded has a run ended while a case is played: that is no failure of the end
// under test.
func TestEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRun(nil, ServerActor)
	r.server = serves(t, func(nc net.Conn) {
		_, _ = io.ReadFull(nc, make([]byte, 32))
		cancel()
		_, _ = io.Copy(io.Discard, nc)
	})
	if res := r.one(ctx, caseOf(t, `< text "a"`)); res.Verdict != Skipped || res.Reason != "the run was ended" {
		t.Errorf("got %v %q", res.Verdict, res.Reason)
	}
}

// TestUpgradesOnly has a server that drops whoever asks for no upgrade: the suite
// asks it for its features and takes it for one that has none.
func TestUpgradesOnly(t *testing.T) {
	u := serves(t, func(nc net.Conn) { _, _ = io.ReadFull(nc, make([]byte, 32)) })
	r := newRun(nil, ServerActor)
	r.server = u
	if list, err := r.askFeatures(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("got %q, %v", list, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r.server = &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}
	if _, err := r.askFeatures(t.Context()); err == nil {
		t.Error("a server that is not there is asked without an error")
	}
}
