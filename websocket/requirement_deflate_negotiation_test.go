package websocket_test

import (
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// RFC 7692 §5, §7.1: negotiating permessage-deflate. In offers and answers, x
// stands for the name of the extension.

func deflateName(s string) string {
	var list []string
	for e := range strings.SplitSeq(s, ", ") {
		if rest, ok := strings.CutPrefix(e, "x"); ok && (rest == "" || rest[0] == ';') {
			e = "permessage-deflate" + rest
		}
		list = append(list, e)
	}
	return strings.Join(list, ", ")
}

// answers checks what a server with these settings answers to each offer; ""
// is declined, in which case a compressed message fails the connection.
func answers(t *testing.T, settings *websocket.Compression, offers ...[2]string) {
	t.Helper()
	if settings != nil {
		with := *settings
		with.Threshold = 0 // what is exchanged there is short
		settings = &with
	}
	s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Compression: settings}}})
	for _, o := range offers {
		request := change("+Sec-WebSocket-Extensions: " + deflateName(o[0]))
		if o[0] == "" {
			request = baseRequest
		}
		got := s.opens(t, request).Header["Sec-Websocket-Extensions"]
		switch {
		case o[1] == "" && len(got) == 0:
			// A compressed "Hello" as the first message: 1002.
			list, rest := s.exchange(t, request+"\xc1\x87\x12\x34\x56\x78\xe0\x7c\x9b\xb1\xdb\x33\x56"+sayBye, 1<<20)
			if len(list) != 1 || !strings.HasPrefix(rest, "\x88") || !strings.HasPrefix(rest[2:], "\x03\xea") {
				t.Errorf("%q was declined, then RSV1: %s", o[0], frames(rest))
			}
		case len(got) != 1 || got[0] != deflateName(o[1]):
			t.Errorf("%q is answered %q, want %q", o[0], got, deflateName(o[1]))
		}
	}
}

// offered checks what a client with these settings makes of answers: an error,
// or for those that begin with + an open connection.
func offered(t *testing.T, settings *websocket.Compression, offer string, answers ...string) {
	t.Helper()
	o := websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: settings}}
	for _, answer := range answers {
		text, opens := strings.CutPrefix(answer, "+")
		lines := []string{deflateName(text)}
		if text == "" {
			lines = nil
		}
		var head string
		s := newScript(t, func(p *scriptPeer) {
			head = p.req.Header.Get("Sec-WebSocket-Extensions")
			p.say(withField("Sec-WebSocket-Extensions", lines...))
			if opens {
				p.say("\x81\x02Hi")
			}
			buf := make([]byte, 100)
			for {
				if _, err := p.br.Read(buf); err != nil {
					return
				}
			}
		})
		if opens {
			if c := s.open(t, "ws://ws.test:9001/", o); c != nil {
				readHi(t, c)
				_ = c.CloseNow()
			} else {
				t.Errorf("the offer %q, answered %q, should open", offer, text)
			}
		} else {
			s.fail(t, "ws://ws.test:9001/", o)
		}
		s.running.Wait()
		if head != deflateName(offer) {
			t.Errorf("offered %q, want %q", head, deflateName(offer))
		}
	}
}

// Settings of clients that make the offers of their names.
var (
	offerPlain  = &websocket.Compression{WindowBits: -1, PeerWindowBits: -1}
	offerHint   = &websocket.Compression{WindowBits: 15, PeerWindowBits: -1}
	offerHint10 = &websocket.Compression{WindowBits: 10, PeerWindowBits: -1}
)

func init() {
	requirement("PD-7.1-01", func(t *testing.T) {
		t.Parallel()
		answers(t, wholeWindow(), [2]string{"x", "x"})
		// A window of 32 KiB is not kept for a client that cannot be asked for less.
		answers(t, &websocket.Compression{}, [2]string{"x", "x; client_no_context_takeover"})
		answers(t, &websocket.Compression{NoContextTakeover: true, PeerNoContextTakeover: true}, [2]string{"x", "x; server_no_context_takeover; client_no_context_takeover"})
	})
	requirement("PD-7.1-02", func(t *testing.T) {
		t.Parallel()
		answers(t, &websocket.Compression{}, [2]string{"", ""})
	})
	requirement("PD-7.1-03", func(t *testing.T) {
		t.Parallel()
		answers(t, wholeWindow(), [2]string{"x; client_max_window_bits", "x"}, [2]string{"x; client_max_window_bits=15", "x"},
			[2]string{"x; client_max_window_bits=10", "x; client_max_window_bits=10"}, [2]string{"x; client_max_window_bits=8", "x; client_max_window_bits=8"})
		answers(t, &websocket.Compression{}, [2]string{"x; client_max_window_bits", "x; client_max_window_bits=12"},
			[2]string{"x; client_max_window_bits=15", "x; client_max_window_bits=12"}, [2]string{"x; client_max_window_bits=9", "x; client_max_window_bits=9"},
			[2]string{`x; client_max_window_bits="10"`, "x; client_max_window_bits=10"})
	})
	requirement("PD-7.1-04", func(t *testing.T) {
		t.Parallel()
		for _, bits := range []string{"8", "9", "10", "11", "12", "13", "14", "15"} {
			answers(t, wholeWindow(), [2]string{"x; server_max_window_bits=" + bits, "x; server_max_window_bits=" + bits})
		}
		answers(t, &websocket.Compression{PeerWindowBits: -1}, [2]string{"x; server_max_window_bits=15", "x; server_max_window_bits=12"},
			[2]string{"x; server_max_window_bits=10", "x; server_max_window_bits=10"}, [2]string{`x; server_max_window_bits="1\0"`, "x; server_max_window_bits=10"})
	})
	requirement("PD-7.1-05", func(t *testing.T) {
		t.Parallel()
		answers(t, wholeWindow(), [2]string{"x; server_no_context_takeover", "x; server_no_context_takeover"})
	})
	requirement("PD-7.1-06", func(t *testing.T) {
		t.Parallel()
		answers(t, wholeWindow(), [2]string{"x; client_no_context_takeover", "x; client_no_context_takeover"}, [2]string{
			"x; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10",
			"x; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10",
		})
	})
	requirement("PD-7.1-07", func(t *testing.T) {
		t.Parallel()
		var list [][2]string
		for _, p := range []string{
			"server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=0", "server_max_window_bits=08",
			"server_max_window_bits=015", "server_max_window_bits=-1", "server_max_window_bits=+9", "server_max_window_bits=9.0", "server_max_window_bits=abc",
			"server_max_window_bits=99999999999", "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=08", "client_max_window_bits=true",
			"server_no_context_takeover=1", "client_no_context_takeover=true", "foo", "foo=1", "Server_no_context_takeover",
			"server_no_context_takeover; server_no_context_takeover", "client_max_window_bits; client_max_window_bits=10",
		} {
			list = append(list, [2]string{"x; " + p, ""})
		}
		answers(t, wholeWindow(), append(list, [2]string{"X", ""}, [2]string{"Permessage-Deflate", ""})...)
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Compression: wholeWindow()}}})
		for _, v := range []string{"permessage-deflate;", `permessage-deflate; server_max_window_bits="1 0"`} {
			s.refused(t, change("+Sec-WebSocket-Extensions: "+v), 400)
		}
	})
	requirement("PD-7.1-08", func(t *testing.T) {
		t.Parallel()
		answers(t, &websocket.Compression{},
			[2]string{"x; server_max_window_bits=99, x; foo, x; client_max_window_bits", "x; client_max_window_bits=12"},
			[2]string{"x; unknown, x; client_max_window_bits", "x; client_max_window_bits=12"},
			[2]string{"x-webkit-deflate-frame, mux; max-channels=4, x; client_max_window_bits, x", "x; client_max_window_bits=12"})
		answers(t, wholeWindow(), [2]string{"x; server_max_window_bits=10, x", "x; server_max_window_bits=10"})
	})
	requirement("PD-7.1-09", func(t *testing.T) {
		t.Parallel()
		offered(t, offerHint, "x; client_max_window_bits",
			"x; foo", "x; server_max_window_bits", "x; server_max_window_bits=7", "x; server_max_window_bits=16", "x; server_max_window_bits=08",
			"x; server_max_window_bits=015", "x; client_max_window_bits", "x; client_max_window_bits=7", "x; client_max_window_bits=16",
			"x; server_no_context_takeover=1", "x; client_no_context_takeover=1", "x; server_no_context_takeover; server_no_context_takeover",
			"x; client_max_window_bits=9; client_max_window_bits=9", "x, x", "x; unknown", "x-other",
			"+x; client_max_window_bits=9", "+x; client_max_window_bits=8", "+x; client_max_window_bits=15", "+x", "+")
	})
	requirement("PD-7.1-10", func(t *testing.T) {
		t.Parallel()
		offered(t, offerPlain, "x", "x; client_max_window_bits=15", "x; client_max_window_bits", "+x", "+")
		offered(t, offerHint10, "x; client_max_window_bits=10", "x; client_max_window_bits=11", "+x; client_max_window_bits=10", "+x; client_max_window_bits=8", "+x")
		// With the other offer that goes with it, no context takeover is what makes up
		// for the window.
		offered(t, &websocket.Compression{WindowBits: -1, PeerWindowBits: 10}, "x; server_max_window_bits=10, x; server_no_context_takeover",
			"x", "x; server_max_window_bits=11", "+x; server_max_window_bits=10", "+x; server_max_window_bits=9", "+x; server_no_context_takeover",
			"+x; server_no_context_takeover; server_max_window_bits=11")
		offered(t, &websocket.Compression{WindowBits: -1, PeerWindowBits: -1, PeerNoContextTakeover: true}, "x; server_no_context_takeover",
			"x", "+x; server_no_context_takeover")
		offered(t, &websocket.Compression{WindowBits: -1, PeerWindowBits: -1, NoContextTakeover: true}, "x; client_no_context_takeover",
			"+x", "+x; client_no_context_takeover")
		offered(t, &websocket.Compression{}, "x; server_max_window_bits=12; client_max_window_bits=12, x; server_no_context_takeover; client_max_window_bits=12",
			"x", "+x; server_max_window_bits=12; client_max_window_bits=12", "+x; server_no_context_takeover; client_no_context_takeover", "+")
		offered(t, nil, "", "x", "+")
	})
	requirement("PD-7.1-11", func(t *testing.T) {
		t.Parallel()
		offered(t, offerPlain, "x", "+x; server_no_context_takeover", "+x; client_no_context_takeover", "+x; server_max_window_bits=9",
			"+x; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8")
		for _, answer := range []string{"x; client_no_context_takeover", "x; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"} {
			b := newBench(t, echoing, websocket.ConnOptions{Compression: wholeWindow()})
			b.extension = deflateName(answer)
			e := b.open(true)
			for range 3 { // each stands alone, the peer keeps nothing
				e.SendMessage(websocket.Text, []byte(gopher))
				e.ExpectText(gopher)
			}
			e.bye(t, true)
		}
	})
	// What is agreed on is what the encoder keeps to, whatever the window.
	requirement("PD-7.1-12", testAgreedWindows)
}

// Settings that make no sense are told of where they are made.
func TestCompressionSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []*websocket.Compression{{WindowBits: 7}, {WindowBits: 16}, {PeerWindowBits: 1}, {PeerWindowBits: 20}, {Level: 10}, {Level: -1}} {
		o := websocket.ConnOptions{Compression: c}
		if _, err := websocket.NewAcceptor(&websocket.AcceptOptions{ConnOptions: o}); err == nil || !strings.HasPrefix(err.Error(), "websocket: the setting Compression.") {
			t.Errorf("%+v: %v", *c, err)
		}
		if _, err := websocket.Dial(t.Context(), "ws://127.0.0.1:1/", &websocket.DialOptions{ConnOptions: o}); err == nil || !strings.HasPrefix(err.Error(), "websocket: the setting Compression.") {
			t.Errorf("%+v: %v", *c, err)
		}
	}
}
