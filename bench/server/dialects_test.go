package main

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openline/openline/internal/load"
)

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name     string
		dialect  load.Dialect
		upgrade  string
		everyone string
		one      string
	}{
		{"nchan, together", &nchanDialect{"h", together}, "GET /subscribe/all", "POST /publish/all", "POST /publish/u7"},
		{"nchan, apart", &nchanDialect{"h", apart}, "GET /subscribe/u7", "POST /publish/all", "POST /publish/u7"},
		{"socket.io, together", &socketIODialect{"h", together}, "GET /socket.io/?EIO=4&transport=websocket&room=all", "POST /publish/all", "POST /publish/u7"},
		{"socket.io, apart", &socketIODialect{"h", apart}, "GET /socket.io/?EIO=4&transport=websocket&room=u7", "POST /publish/all", "POST /publish/u7"},
	} {
		for text, want := range map[string]string{
			string(c.dialect.AppendUpgrade(nil, 7)):                              c.upgrade,
			string(c.dialect.AppendPublish(nil, load.Everyone, []byte(`"all"`))): c.everyone,
			string(c.dialect.AppendPublish(nil, 7, []byte(`"one"`))):             c.one,
		} {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
			if err != nil {
				t.Errorf("%s: %v in %q", c.name, err, text)
				continue
			}
			body, _ := io.ReadAll(r.Body)
			if got := r.Method + " " + r.RequestURI; got != want || r.Host != "h" || (r.Method == "POST") != (len(body) == 5) {
				t.Errorf("%s: %s, host %s, body %q; want %s", c.name, got, r.Host, body, want)
			}
		}
	}
}

func TestNchanGreeting(t *testing.T) {
	d := &nchanDialect{}
	if reply, ready, err := d.Greet(nil); reply != nil || !ready || err != nil {
		t.Errorf("%q, %t, %v", reply, ready, err)
	}
	if d.Answer([]byte("2")) != nil {
		t.Error("a message is answered")
	}
}

func TestSocketIOGreeting(t *testing.T) {
	d := &socketIODialect{}
	for _, step := range []struct {
		msg   string
		reply string
		ready bool
		fails bool
	}{
		{"", "", false, false},
		{`0{"sid":"x","upgrades":[],"pingInterval":25000}`, "40", false, false},
		{`40{"sid":"y"}`, "", true, false},
		{`44{"message":"no"}`, "", false, true},
	} {
		reply, ready, err := d.Greet([]byte(step.msg))
		if string(reply) != step.reply || ready != step.ready || (err != nil) != step.fails {
			t.Errorf("%q: %q, %t, %v", step.msg, reply, ready, err)
		}
	}
	if string(d.Answer([]byte("2"))) != "3" || d.Answer([]byte(`42["message"]`)) != nil {
		t.Error("a ping has another answer, or a message has one")
	}
}

func TestCountIn(t *testing.T) {
	for text, want := range map[string]int{
		`{"channel":"all","count":110,"sessions":[]}`:                                   110,
		`{"messages": 10, "requested": 0, "subscribers": 7, "last_message_id": "1:0" }`: 7,
		`{"count":0}`: 0,
	} {
		if n, err := countIn(strings.NewReader(text)); n != want || err != nil {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
	for _, text := range []string{`{}`, `queued messages: 3`} {
		if _, err := countIn(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
