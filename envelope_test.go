package openline

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestEnvelope(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 15, 30, 123_999_999, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		m    *Message
		want string
	}{
		{
			&Message{ID: "41-1842", Type: "message", Channel: "chat:lobby", From: "bob", Data: []byte(`{"text":"hi"}`), Time: at},
			`{"id":"41-1842","type":"message","channel":"chat:lobby","from":"bob","data":{"text":"hi"},"time":"2026-11-22T10:15:30.123Z"}`,
		},
		{
			&Message{Type: "sys:ok", Ref: []byte(`"a"`), Data: []byte(`{}`), Time: at},
			`{"type":"sys:ok","ref":"a","data":{},"time":"2026-11-22T10:15:30.123Z"}`,
		},
		{&Message{}, `{"type":"message","data":null}`},
		{&Message{Type: "a\"\\\n\r\t\x01\x7fé\xff\u2028"}, `{"type":"a\"\\\n\r\t\u0001` + "\x7fé" + `\ufffd` + "\u2028" + `","data":null}`},
		{&Message{Data: []byte(" [ 1.0,\n\"\\u00e9\" ] ")}, "{\"type\":\"message\",\"data\": [ 1.0,\n\"\\u00e9\" ] }"},
		{&Message{Raw: true, Data: []byte("<\x00>")}, `{"type":"message","data":"<\u0000>"}`},
		{&Message{Raw: true, Binary: true, Data: []byte("abcd")}, `{"type":"message","data":"YWJjZA==","encoding":"base64"}`},
	} {
		if got := string(c.m.JSON()); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add("41-1", "message", "c", "bob", []byte(`{"a":1}`), int64(0), false, false)
	f.Add("", "\xff\"", "é", "\u2028", []byte("\x00\xff"), int64(1e18), true, true)
	f.Add("", "", "", "", []byte("text\xed\xa0\x80"), int64(-1), true, false)
	f.Fuzz(func(t *testing.T, id, kind, channel, from string, data []byte, at int64, raw, binary bool) {
		m := &Message{ID: id, Type: kind, Channel: channel, From: from, Data: data, Raw: raw, Binary: raw && binary}
		if at != 0 {
			m.Time = time.UnixMilli(at % 2e14).UTC() // years of four digits
			if m.Time.Year() < 0 {
				return
			}
		}
		if !raw {
			if _, e := trimJSON(data); e != nil {
				return
			}
		}
		out := m.JSON()
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("not JSON: %q", out)
		}
		var got struct {
			ID, Type, Channel, From, Encoding string
			Data                              json.RawMessage
			Time                              time.Time
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if kind == "" {
			kind = DefaultType
		}
		same := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		for in, out := range map[string]string{id: got.ID, kind: got.Type, channel: got.Channel, from: got.From} {
			if utf8.ValidString(in) && out != in {
				t.Errorf("%q became %q", in, out)
			}
		}
		if at != 0 && !got.Time.Equal(m.Time) {
			t.Errorf("%v became %v", m.Time, got.Time)
		}
		switch {
		case !raw:
			if !bytes.Equal(got.Data, bytes.Trim(data, " \t\r\n")) {
				t.Errorf("%q became %q", data, got.Data)
			}
		case binary:
			var s string
			_ = json.Unmarshal(got.Data, &s)
			if b, err := base64.StdEncoding.DecodeString(s); err != nil || !bytes.Equal(b, data) || got.Encoding != "base64" {
				t.Errorf("%q became %q", data, got.Data)
			}
		default:
			var s string
			if _ = json.Unmarshal(got.Data, &s); utf8.Valid(data) && s != string(data) || same(s) != s {
				t.Errorf("%q became %q", data, got.Data)
			}
		}
	})
}
