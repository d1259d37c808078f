package server

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// compressing are the options of a client that offers compression. frames, if it
// is not nil, gets the data frames it receives.
func compressing(frames chan websocket.Frame) *websocket.DialOptions {
	o := &websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}}}
	if frames != nil {
		o.Trace = &websocket.Trace{Received: func(f websocket.Frame) {
			if f.OpcodeName() == "text" {
				f.Payload = bytes.Clone(f.Payload)
				frames <- f
			}
		}}
	}
	return o
}

func TestCompressionTerms(t *testing.T) {
	for _, c := range []struct {
		config CompressionConfig
		want   *websocket.Compression // as the client sees it
	}{
		{CompressionConfig{}, nil},
		{CompressionConfig{Level: 3, MaxRatio: 3}, nil},
		{CompressionConfig{Enabled: true}, &websocket.Compression{WindowBits: 12, PeerWindowBits: 12, PeerNoContextTakeover: true}},
		{CompressionConfig{Enabled: true, ClientMaxWindowBits: 9}, &websocket.Compression{WindowBits: 9, PeerWindowBits: 12, PeerNoContextTakeover: true}},
		{
			CompressionConfig{Enabled: true, ClientNoContextTakeover: true},
			&websocket.Compression{WindowBits: 12, NoContextTakeover: true, PeerWindowBits: 12, PeerNoContextTakeover: true},
		},
	} {
		r := start(t, &Config{Compression: c.config})
		s := r.dial("/ws/alice", compressing(nil))
		got := s.c.Compression()
		if got != nil {
			got.Level, got.Threshold, got.MaxRatio = 0, 0, 0
		}
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%+v: %+v, want %+v", c.config, got, c.want)
		}
		// A client that does not offer it does without.
		plain := r.dial("/ws/bob", nil)
		plain.expect("sys:open")
		plain.send(`{"type":"ping","ref":1,"data":"` + strings.Repeat("x", 500) + `"}`)
		plain.next()
	}
}

// probe is a session's line that keeps what it is sent.
type probe struct{ frames chan *websocket.Prepared }

func (p probe) Send(m *openline.Message) error {
	p.frames <- m.Frame()
	return nil
}

func (p probe) Close(int, string) {}

// A broadcast is one prepared message for all sessions, compressed once for those
// that compress: each gets the same octets.
func TestBroadcastIsCompressedOnce(t *testing.T) {
	const sessions = 30
	r := start(t, &Config{Compression: CompressionConfig{Enabled: true}})
	var list []*session
	frames := make([]chan websocket.Frame, sessions)
	for i := range sessions {
		frames[i] = make(chan websocket.Frame, 10)
		s := r.dial(fmt.Sprintf("/ws/user%d", i), compressing(frames[i]))
		s.expect("sys:open")
		<-frames[i]
		list = append(list, s)
	}
	plain := r.dial("/ws/plain", nil)
	plain.expect("sys:open")
	lines := []probe{{make(chan *websocket.Prepared, 10)}, {make(chan *websocket.Prepared, 10)}}
	for _, l := range lines {
		s, err := r.Hub().Open(t.Context(), l, openline.Opening{User: "probe", Transport: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Closed(nil)
		<-l.frames // sys:open
	}
	text := strings.Repeat("all of this is for all of you. ", 40)
	for n := range 3 { // the same again refers to nothing before
		if status, answer := r.call("POST", "/api/broadcast", `{"text":"`+text+`"}`); status != 200 {
			t.Fatal(status, answer)
		}
		if a, b := <-lines[0].frames, <-lines[1].frames; a != b {
			t.Error("sessions are not sent the same prepared message")
		}
		var first websocket.Frame
		for i, s := range list {
			var data struct{ Text string }
			if e := s.expect("message"); json.Unmarshal(e.Data, &data) != nil || data.Text != text {
				t.Fatalf("%s", e.Data)
			}
			f := <-frames[i]
			if i == 0 {
				first = f
			}
			if !f.RSV1 || !bytes.Equal(f.Payload, first.Payload) || f.Length > 400 {
				t.Fatalf("broadcast %d, session %d: RSV1 %v, %d octets", n, i, f.RSV1, f.Length)
			}
		}
		plain.expect("message")
	}
}

// A client's bomb ends its session with 1009, by the size of messages or, where
// that is off, by the ratio.
func TestBombs(t *testing.T) {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	zeros := make([]byte, 1<<20)
	for range 16 {
		_, _ = w.Write(zeros)
	}
	_ = w.Flush()
	payload := bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
	for _, c := range []struct {
		config Config
		says   string
	}{
		{Config{}, "size limit"},
		{Config{Limits: LimitsConfig{MessageSize: -1}}, "MaxRatio"},
		{Config{Limits: LimitsConfig{MessageSize: 8 << 20}, Compression: CompressionConfig{MaxRatio: 100}}, "MaxRatio"},
		{Config{Limits: LimitsConfig{MessageSize: 8 << 20}, Compression: CompressionConfig{MaxRatio: -1}}, "size limit"},
	} {
		c.config.Compression.Enabled = true
		r := start(t, &c.config)
		p := wstest.Connect(t, r.URL()+"/ws/alice", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
		p.Frame()                          // sys:open
		p.SendFrame(true, 1|0x40, payload) // text, with RSV1
		if reason := p.ExpectClose(websocket.CloseMessageTooBig); !strings.Contains(reason, c.says) {
			t.Errorf("%+v: %s", c.config.Limits, reason)
		}
	}
}
