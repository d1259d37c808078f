package openline

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func contains(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

func TestReceive(t *testing.T) {
	h := newHub(t, &Options{MaxChannels: 2, MaxData: 100})
	s, l := openSession(t, h, "alice")
	l.take()
	openSession(t, h, "bob")
	for _, c := range []struct{ request, reply string }{
		{`{"type":"ping"}`, `"type":"sys:ok","data":{},"time":`},
		{` { "ref" : "a\"b" , "type" : "ping" } `, `"type":"sys:ok","ref":"a\"b","data":{}`},
		{`{"type":"ping","ref":-1.5e3}`, `"ref":-1.5e3,`},
		{`{"type":"pi\u006eg","ref":1}`, `"type":"sys:ok","ref":1`},
		{`{"type":"subscribe","channel":"chat:lobby/1","ref":1}`, `"type":"sys:ok","ref":1,"data":{"cursor":"`},
		{`{"type":"subscribe","channel":"chat:lobby/1","ref":2,"since":null}`, `"type":"sys:ok","ref":2,"data":{"cursor":"`},
		{`{"type":"unsubscribe","channel":"never","ref":3}`, `"type":"sys:ok","ref":3,"data":{"cursor":"`},
		{`{"type":"send","to":"nobody","ref":4,"data":{}}`, `"ref":4,"data":{"id":"*","delivered":0,"stored":true}`},
		{`{"type":"send","to":"bob","ref":4,"event":"hi","key":"k"}`, `"ref":4,"data":{"id":"*","delivered":1,"stored":true}`},
		{`{"type":"publish","channel":"nobody-there","ref":5,"data":[1]}`, `"ref":5,"data":{"id":"*","delivered":0,"stored":true}`},

		{`{"type":"subscribe","channel":"@bob","ref":"r"}`, `"ref":"r","data":{"code":"reserved"`},
		{`{"type":"unsubscribe","channel":"@*","ref":1}`, `"code":"reserved"`},
		{`{"type":"subscribe","channel":"@@"}`, `"code":"reserved"`},
		{`{"type":"publish","channel":"@alice","ref":1}`, `"code":"reserved"`},
		{`{"type":"subscribe","channel":"a b"}`, `byte 1 of \"a b\" is ' '`},
		{`{"type":"subscribe"}`, `the field \"channel\" is missing`},
		{`{"type":"publish"}`, `the field \"channel\" is missing`},
		{`{"type":"send"}`, `the field \"to\" is missing`},
		{`{"type":"send","to":"a/b"}`, `"code":"bad_name"`},
		{`{"type":"send","to":"bob","event":"sys:open"}`, `"code":"bad_name"`},
		{`{"type":"send","to":"bob","event":"a\u0007"}`, `byte 1 is '\\a'`},
		{`{"type":"send","to":"bob","key":""}`, `"type":"sys:ok"`},
		{`{"type":"send","to":"bob","data":"` + strings.Repeat("x", 100) + `"}`, `"code":"too_large"`},
		{`{"type":"subscribe","channel":"c","since":"41"}`, `\"41\" is not a cursor`},
		{`{"type":"history","channel":"c","ref":1,"limit":10}`, `"ref":1,"data":{"cursor":"*","messages":[]}`},
		{`{"type":"history","channel":"c","limit":0}`, `not a number of messages, 1 or more`},
		{`{"type":"history","channel":"@bob"}`, `"code":"reserved"`},
		{`{"type":"history"}`, `the field \"channel\" is missing`},
		{`{"type":"presence","channel":"c"}`, `"code":"unsupported"`},
		{`{"type":"ack","id":"41-3","ref":1}`, `"type":"sys:ok","ref":1`},
		{`{"type":"ack"}`, `the field \"id\" is missing`},
		{`{"type":"ack","id":"x"}`, `is not a cursor`},
		{`{"type":"sys:open"}`, `"code":"reserved"`},
		{`{"type":"subcribe","channel":"c","ref":1}`, `"ref":1,"data":{"code":"unknown_type","message":"there is no request of type \"subcribe\": is it subscribe?"}`},
		{`{"type":"move"}`, `: known are subscribe, unsubscribe, publish, send, presence, history, ack, ping"`},
		{`{"type":"publish","chanel":"c","ref":7}`, `"ref":7,"data":{"code":"bad_request","message":"unknown field \"chanel\" at byte 18 (line 1, column 19): is it channel?"}`},
		{`{"type":"publish","channel":"c","payload":1,"ref":7}`, `known are type, ref, channel`},
		{`{"type":"publish","channel":"c","channel":"d","ref":7}`, `"ref":7,"data":{"code":"bad_request","message":"the field \"channel\" is there twice, again at byte 32 (line 1, column 33)`},
		{`{"type":"publish","channel":7,"ref":7}`, `\"channel\" at byte 28 (line 1, column 29) must be a string, found a number`},
		{`{"type":["publish"]}`, `\"type\" at byte 8 (line 1, column 9) must be a string, found an array`},
		{`{"type":null}`, `must be a string, found null`},
		{`{"type":"","ref":1}`, `is empty`},
		{`{"type":"ping","ref":null}`, `\"ref\" at byte 21 (line 1, column 22) must be a string or a number, found null`},
		{`{"type":"ping","ref":"` + strings.Repeat("x", 300) + `"}`, `at most 256 are echoed`},
		{`{"ref":1}`, `"ref":1,"data":{"code":"bad_request","message":"the field \"type\" is missing: it is one of subscribe, unsubscribe, publish, send, presence, history, ack, ping, or the application's own"}`},
		{`{}`, `the field \"type\" is missing`},
	} {
		s.Receive(t.Context(), []byte(c.request))
		got := l.take()
		want, rest, star := strings.Cut(c.reply, "*")
		if !contains(got, want, rest) || !star && rest != "" || !json.Valid([]byte(got)) {
			t.Errorf("%s\n got %s\nwant %s", c.request, got, c.reply)
		}
	}
	s.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"c2"}`))
	l.take()
	s.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"c3"}`))
	if got := l.take(); !contains(got, `"code":"limit"`, "unsubscribe from one first") {
		t.Error(got)
	}
	if s.ended() {
		t.Error("the session has ended")
	}
}

func TestBadJSON(t *testing.T) {
	h := newHub(t, nil)
	s, l := openSession(t, h, "alice")
	l.take()
	for _, c := range []struct{ request, want string }{
		{``, `byte 0 (line 1, column 1): found the end, expected an envelope, which is an object and begins with \"{\"`},
		{`hello`, `byte 0 (line 1, column 1): found 'h', expected an envelope`},
		{`[]`, `byte 0 (line 1, column 1): found '[', expected an envelope`},
		{`{`, `byte 1 (line 1, column 2): found the end, expected a key in double quotes or \"}\"`},
		{`{type:"ping"}`, `byte 1 (line 1, column 2): found 't', expected a key in double quotes or \"}\"`},
		{`{"type"`, `byte 7 (line 1, column 8): found the end, expected \":\" after the key`},
		{`{"type" "ping"}`, `byte 8 (line 1, column 9): found '\"', expected \":\" after the key`},
		{`{"type":}`, `byte 8 (line 1, column 9): found '}', expected a JSON value`},
		{`{"type":"ping"`, `byte 14 (line 1, column 15): found the end, expected \",\" or \"}\"`},
		{`{"type":"ping",}`, `byte 15 (line 1, column 16): found '}', expected a key in double quotes`},
		{`{"type":"ping"}x`, `byte 15 (line 1, column 16): found 'x', expected nothing after the envelope`},
		{`{"type":"ping"}{"type":"ping"}`, `byte 15 (line 1, column 16): found '{', expected nothing after the envelope`},
		{`{"type":'ping'}`, `byte 8 (line 1, column 9): found '\\'', expected a JSON value`},
		{"{\n  \"type\": \"ping\",\n  \"data\": tru\n}", `byte 33 (line 3, column 14): found '\\n', expected true`},
		{`{"é":"ü", "data": nul}`, `byte 23 (line 1, column 22): found '}', expected null`},
		{`{"data":[1,2,]}`, `byte 13 (line 1, column 14): found ']', expected a JSON value`},
		{`{"data":[1 2]}`, `byte 11 (line 1, column 12): found '2', expected \",\" or \"]\"`},
		{`{"data":{"a":1,"b"}}`, `byte 18 (line 1, column 19): found '}', expected \":\" after the key`},
		{`{"data":01}`, `byte 9 (line 1, column 10): found '1', expected \",\" or \"}\"`},
		{`{"data":-}`, `byte 9 (line 1, column 10): found '}', expected a digit`},
		{`{"data":1.}`, `byte 10 (line 1, column 11): found '}', expected a digit after the decimal point`},
		{`{"data":1e+}`, `byte 11 (line 1, column 12): found '}', expected a digit of the exponent`},
		{`{"data":"\x"}`, `byte 10 (line 1, column 11): found 'x', expected one of \"\\/bfnrtu after a backslash`},
		{`{"data":"\u12g4"}`, `byte 13 (line 1, column 14): found 'g', expected four hexadecimal digits after \\u`},
		{"{\"data\":\"a\tb\"}", `byte 10 (line 1, column 11): found '\\t', expected control characters in a string to be escaped`},
		{`{"data":"abc`, `byte 12 (line 1, column 13): found the end, expected the closing double quote of the string`},
		{"{\"data\":\"\xc3\x28\"}", `byte 9 (line 1, column 10): found 0xc3, expected UTF-8`},
		{`{"data":` + strings.Repeat("[", 20000), `byte 10007 (line 1, column 10008): found '[', expected no more than 10000 levels of nesting`},
	} {
		s.Receive(t.Context(), []byte(c.request))
		got := l.take()
		if !contains(got, `"type":"sys:error","data":{"code":"bad_json","message":"bad JSON at `+c.want) || !json.Valid([]byte(got)) {
			t.Errorf("%s\n got %s\nwant %s", clip(c.request, 100), got, c.want)
		}
	}
	s.Receive(t.Context(), []byte(`{"type":"ping"}`))
	if got := l.take(); !contains(got, "sys:ok") {
		t.Error("the session does not live on")
	}
}

func TestOnMessage(t *testing.T) {
	type move struct{ X, Y int }
	var errs []error
	h := newHub(t, &Options{
		OnMessage: func(_ context.Context, s *Session, r *Request) error {
			switch r.Type {
			case "move":
				m, err := Decode[move](r)
				if err != nil {
					return err
				}
				return r.Reply(m.X + m.Y)
			case "quiet":
				return nil
			case "leave":
				return &Error{Code: "left", Message: "goodbye", Close: 4100}
			case "panic":
				panic("oh")
			}
			return errors.New("secret")
		},
		OnError: func(_ *Session, err error) { errs = append(errs, err) },
	})
	for _, c := range []struct {
		request, reply string
		code           int
	}{
		{`{"type":"move","ref":1,"data":{"X":1,"Y":2},"speed":9}`, `"type":"sys:ok","ref":1,"data":3,`, 0},
		{`{"type":"move","ref":1,"data":{"X":"1"}}`, `"ref":1,"data":{"code":"bad_request","message":"data.X at byte 5 (line 1, column 6) must be int, found a string"}`, 0},
		{`{"type":"quiet","ref":1}`, `"type":"sys:ok","ref":1,"data":{}`, 0},
		{`{"type":"quiet"}`, ``, 0},
		{`{"type":"other","ref":1}`, `"ref":1,"data":{"code":"internal","message":"the server could not do this"}`, 0},
		{`{"type":"leave","ref":1}`, `"ref":1,"data":{"code":"left","message":"goodbye"}`, 4100},
		{`{"type":"panic","ref":1}`, ``, CloseInternal},
	} {
		s, l := openSession(t, h, "alice")
		l.take()
		s.Receive(t.Context(), []byte(c.request))
		var got string
		for _, m := range l.got {
			got += string(m.JSON())
		}
		if !contains(got, c.reply) || c.reply == "" && c.code == 0 && got != "" || strings.Contains(got, "secret") || l.code != c.code {
			t.Errorf("%s: %s, closed with %d", c.request, got, l.code)
		}
	}
	if len(errs) != 4 {
		t.Errorf("OnError got %v", errs)
	}
}

func TestAuthorize(t *testing.T) {
	var asked []string
	h := newHub(t, &Options{Authorize: func(_ *Session, action, target string) error {
		asked = append(asked, action+" "+target)
		if target == "told" {
			return &Error{Code: "paywall", Message: "buy a ticket"}
		}
		if target == "no" {
			return errors.New("secret")
		}
		return nil
	}})
	s, l := openSession(t, h, "alice", "yes")
	l.take()
	for _, c := range []struct{ request, reply string }{
		{`{"type":"subscribe","channel":"no"}`, `{"code":"forbidden","message":"you may not subscribe to no"}`},
		{`{"type":"publish","channel":"told"}`, `{"code":"paywall","message":"buy a ticket"}`},
		{`{"type":"send","to":"no"}`, `"code":"forbidden"`},
		{`{"type":"send","to":"bob"}`, `"delivered":0`},
		{`{"type":"subscribe","channel":"@bob"}`, `"code":"reserved"`},
	} {
		s.Receive(t.Context(), []byte(c.request))
		if got := l.take(); !contains(got, c.reply) || strings.Contains(got, "secret") {
			t.Errorf("%s: %s", c.request, got)
		}
	}
	if got := strings.Join(asked, ", "); got != "subscribe yes, subscribe no, publish told, send no, send bob" {
		t.Error(got)
	}
	_, err := h.Open(t.Context(), newLine(), Opening{User: "bob", Channels: []string{"no"}})
	e, _ := errors.AsType[*Error](err)
	if e == nil || e.Code != CodeForbidden || e.Close != CloseForbidden || e.Status() != 403 {
		t.Errorf("%+v", err)
	}
}
