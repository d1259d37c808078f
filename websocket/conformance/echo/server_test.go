package echo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/conformance/echo"
	"github.com/openline/openline/websocket/wstest"
)

// guard bounds a wait that would otherwise hang a failing test.
const guard = 20 * time.Second

// serve runs a server and returns its address as http://….
func serve(t *testing.T, o *echo.Options) (string, *echo.Server) {
	t.Helper()
	s, err := echo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String(), s
}

// get returns the status and the body of a page.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// Each driver sends each message back, and says what it saw.
func TestDrivers(t *testing.T) {
	for _, driver := range echo.Drivers() {
		t.Run(driver, func(t *testing.T) {
			url, _ := serve(t, &echo.Options{Driver: driver})
			for _, path := range []string{"/", "/echo"} {
				p := wstest.Connect(t, url+path+"?case=a", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8")
				if got := p.Header.Get("Sec-WebSocket-Extensions"); got != "permessage-deflate; server_max_window_bits=8" {
					t.Errorf("the answer is %q", got)
				}
				p.SendMessage(websocket.Text, []byte("héllo"))
				p.ExpectText("héllo")
				p.SendMessage(websocket.Binary, nil)
				p.ExpectMessage(websocket.Binary, nil)
				large := []byte(strings.Repeat("0123456789", 10_000))
				p.SendFrame(false, 2, large[:7])
				p.SendPing("between")
				p.ExpectPong("between")
				p.SendFrame(true, 0, large[7:])
				p.ExpectMessage(websocket.Binary, large)
				p.SendFrame(false, 2, large[:7])
				p.SendClose(4001, "that\nis it")
				p.ExpectClose(4001)
				p.ExpectEnd()
				if status, body := get(t, url+"/seen?case=a"); status != 200 || body != "4001 3 that is it\n" {
					t.Errorf("%d %q", status, body)
				}
			}
			p := wstest.Connect(t, url+"/?case=b")
			p.Send("01 81 12 34 56 78 ed") // ff
			p.ExpectClose(websocket.CloseInvalidPayload)
			if _, body := get(t, url+"/seen?case=b"); !strings.HasPrefix(body, "1007 0 ") {
				t.Errorf("%q", body)
			}
			p = wstest.Connect(t, url+"/?case=b")
			p.SendFrame(false, 2, []byte("half"))
			p.CloseWrite()
			if _, body := get(t, url+"/seen?case=b"); body != "1006 0 \n" {
				t.Errorf("%q", body)
			}
		})
	}
}

func TestDo(t *testing.T) {
	url, _ := serve(t, nil)
	connect := func(query string) *wstest.Peer {
		t.Helper()
		return wstest.Connect(t, url+"/echo?"+query)
	}

	p := connect("do=close&code=4000&reason=as%20asked&case=c")
	if reason := p.ExpectClose(4000); reason != "as asked" {
		t.Errorf("reason %q", reason)
	}
	p.SendClose(4000, "")
	p.ExpectEnd()
	if _, body := get(t, url+"/seen?case=c"); body != "4000 0 \n" {
		t.Errorf("%q", body)
	}
	connect("do=close&code=1005&close=50ms").ExpectClose(websocket.CloseNoStatus)

	p = connect("do=close&code=1006")
	if _, text := p.Message(); !strings.HasPrefix(string(text), "error: websocket: cannot close with 1006") {
		t.Errorf("%q", text)
	}
	p.SendMessage(websocket.Text, []byte("still there"))
	p.ExpectText("still there")

	connect("do=send&text=hi").ExpectText("hi")
	p = connect("do=send&hex=61+ff")
	if _, text := p.Message(); !strings.HasPrefix(string(text), "error: websocket: ") {
		t.Errorf("%q", text)
	}
	connect("do=binary&hex=00ff").ExpectMessage(websocket.Binary, []byte{0, 0xff})
	p = connect("do=twice&hex=0102")
	p.ExpectMessage(websocket.Binary, []byte{1, 2})
	p.ExpectMessage(websocket.Binary, []byte{1, 2})

	p = connect("do=stream&bytes=100000")
	if f := p.Frame(); f.Fin || f.Opcode != 2 {
		t.Errorf("%+v begins the message", f)
	}
	p = connect("do=stream&bytes=100000")
	if _, data := p.Message(); len(data) != 100_000 {
		t.Errorf("%d bytes", len(data))
	}

	p = connect("do=flood")
	for range 10 {
		p.Message()
	}
	p.Close()

	p = connect("do=panic&close=50ms")
	p.ExpectClose(websocket.CloseInternalError)
	p.ExpectEnd()
}

// What many write at once arrives whole.
func TestWriters(t *testing.T) {
	url, _ := serve(t, nil)
	p := wstest.Connect(t, url+"/?do=writers&n=5&each=20")
	got := map[byte]int{}
	for range 5 * 20 {
		var message []byte
		for {
			f := p.Frame()
			if f.Opcode == 9 {
				p.SendFrame(true, 10, f.Payload)
				continue
			}
			message = append(message, f.Payload...)
			if f.Fin {
				break
			}
		}
		if n := strings.Count(string(message), string(message[:1])); n != len(message) {
			t.Fatal("messages are mixed")
		}
		got[message[0]]++
	}
	for n := range byte(5) {
		if got[n] != 20 {
			t.Errorf("%d messages of writer %d", got[n], n)
		}
	}
}

// Shutdown by query ends the connections with that query, and no others.
func TestShutdownGroup(t *testing.T) {
	url, _ := serve(t, nil)
	other := wstest.Connect(t, url+"/")
	for range 2 {
		p := wstest.Connect(t, url+"/?do=shutdown")
		p.ExpectClose(websocket.CloseGoingAway)
		p.SendClose(websocket.CloseGoingAway, "")
		p.ExpectEnd()
		p.Close()
		// The group goes when its last connection has; until then it is closing.
		for deadline := time.Now().Add(guard); ; {
			status, _ := get(t, url+"/?do=shutdown")
			if status == http.StatusUpgradeRequired {
				break
			}
			if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
				t.Fatalf("status %d", status)
			}
		}
	}
	other.SendMessage(websocket.Text, []byte("here"))
	other.ExpectText("here")
}

func TestShutdown(t *testing.T) {
	s, err := echo.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	var peers []*wstest.Peer
	for _, query := range []string{"", "?limit=5", "?limit=6"} {
		peers = append(peers, wstest.Connect(t, srv.URL+"/"+query))
	}
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	for _, p := range peers {
		p.ExpectClose(websocket.CloseGoingAway)
		p.SendClose(websocket.CloseGoingAway, "")
		p.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if status, _ := get(t, srv.URL+"/"); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
}

// Queries come and go; the groups that nobody uses are forgotten.
func TestManyQueries(t *testing.T) {
	url, s := serve(t, nil)
	keep := wstest.Connect(t, url+"/?case=keep")
	for i := range 300 {
		p := wstest.Connect(t, url+"/?case="+strings.Repeat("x", i%100+1)+string(rune('a'+i/100)))
		p.Reset()
	}
	if n := s.Groups(); n > 200 {
		t.Errorf("%d groups", n)
	}
	keep.SendMessage(websocket.Text, []byte("kept"))
	keep.ExpectText("kept")
}

func TestSettings(t *testing.T) {
	url, _ := serve(t, nil)
	p := wstest.Connect(t, url+"/?limit=5&deflate=off&unknown=;", "Sec-WebSocket-Extensions: permessage-deflate")
	if p.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Error("compression cannot be switched off")
	}
	p.SendMessage(websocket.Binary, []byte("12345"))
	p.ExpectMessage(websocket.Binary, []byte("12345"))
	p.SendMessage(websocket.Binary, []byte("123456"))
	p.ExpectClose(websocket.CloseMessageTooBig)

	p = wstest.Connect(t, url+"/?stall=50ms")
	p.Send("81 85 12 34")
	p.ExpectClose(websocket.ClosePolicyViolation)

	p = wstest.Connect(t, url+"/?ping=20ms&pong=50ms&case=p")
	p.ExpectPing()
	p.ExpectGone()
	if _, body := get(t, url+"/seen?case=p"); body != "1006 0 \n" {
		t.Errorf("%q", body)
	}

	p = wstest.Connect(t, url+"/", "Sec-WebSocket-Protocol: v9, v2.chat, v1.chat")
	if p.Header.Get("Sec-WebSocket-Protocol") != "v2.chat" {
		t.Errorf("%v", p.Header)
	}

	for query, says := range map[string]string{
		"limit=0":         "the setting limit in the URL's query: \"0\" is not a number from 1 to 1073741824\n",
		"limit=x":         "is not a number",
		"stall=5":         "is not a duration up to 5m0s, such as 300ms",
		"close=10h":       "is not a duration",
		"do=nothing":      "is none of binary, close, flood, panic, plain, send, shutdown, stream, twice, writers",
		"code=65536":      "is not a number from 0 to 65535",
		"hex=0":           "not hexadecimal",
		"header=x":        "NAME:VALUE",
		"require=beer":    "only a subprotocol can",
		"n=1000":          "is not a number from 1 to 64",
		"case=":           "a token has 1 to 128 bytes",
		"proxy=localhost": "is not a URL",
	} {
		if status, body := get(t, url+"/echo?"+query); status != http.StatusBadRequest || !strings.Contains(body, says) {
			t.Errorf("%s: %d %q", query, status, body)
		}
	}
}

func TestRefusals(t *testing.T) {
	for says, o := range map[string]*echo.Options{
		`there is no driver "raed"; there are messages, read, stream`: {Driver: "raed"},
		`Origins has "x y"`: {Origins: []string{"x y"}},
		`Hosts entry`:       {Hosts: []string{"http://x"}},
	} {
		if _, err := echo.New(o); err == nil || !strings.HasPrefix(err.Error(), "echo: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	url, _ := serve(t, &echo.Options{Hosts: []string{"127.0.0.1"}, Origins: []string{"https://app.example"}, NoCompression: true})
	p := wstest.Connect(t, url+"/", "Origin: https://app.example", "Sec-WebSocket-Extensions: permessage-deflate")
	if p.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Error("compression cannot be switched off")
	}
	if _, body := get(t, url+"/features"); !strings.HasPrefix(body, "deflate plain limit ") || !strings.HasSuffix(body, " hosts\n") {
		t.Errorf("%q", body)
	}
	if status, _ := get(t, strings.Replace(url, "127.0.0.1", "localhost", 1)+"/"); status != http.StatusBadRequest {
		t.Errorf("an unknown host is answered %d", status)
	}
}
