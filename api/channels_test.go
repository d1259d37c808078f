package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openline/openline"
)

// historyPage is what a test reads of a history.
type historyPage struct {
	Cursor   string
	Messages []struct {
		ID, Key string
		Data    json.RawMessage
	}
	Gap *openline.Gap
}

func (r *rig) history(query string) (p historyPage) {
	r.t.Helper()
	w := r.call("GET", "/api/channels/"+query, "")
	if w.Code != 200 {
		r.t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// A history is read to its end a page at a time, byte for byte as it was published.
func TestHistory(t *testing.T) {
	r := newRig(t, nil)
	if p := r.history("a/b/history"); len(p.Messages) != 0 || p.Cursor == "" {
		t.Errorf("%+v", p)
	}
	for i := range 5 {
		want(t, r.call("POST", "/api/channels/a/b/messages", fmt.Sprintf(`{"n" : %d, "<&>":1}`, i)), 200, `"stored":true`)
		want(t, r.call("POST", "/api/channels/other/messages", "0"), 200, "")
	}
	var got []string
	cursor := ""
	for range 4 {
		p := r.history("a/b/history?limit=2" + cursor)
		for _, m := range p.Messages {
			got = append(got, string(m.Data))
		}
		cursor = "&since=" + p.Cursor
	}
	if text := strings.Join(got, " "); text != `{"n" : 0, "<&>":1} {"n" : 1, "<&>":1} {"n" : 2, "<&>":1} {"n" : 3, "<&>":1} {"n" : 4, "<&>":1}` {
		t.Errorf("%s", text)
	}
	want(t, r.call("POST", "/api/channels/bare:1/messages", "0"), 200, `"stored":false`)
	if w := r.call("HEAD", "/api/channels/a/b/history", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
	p := r.history("bare:1/history?since=" + r.history("a/b/history").Cursor)
	if len(p.Messages) != 0 || p.Gap == nil || p.Gap.Reason != openline.GapNoHistory {
		t.Errorf("%+v", p)
	}
}

// Where the latest is kept by key, the query says the key, and the field deduplicates
// as everywhere.
func TestKeyOfLatest(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct{ query, field, data string }{{"?key=a", "", "1"}, {"?key=b", "b", "2"}, {"?key=a", "a", "3"}, {"?key=b", "", "4"}} {
		var fields []string
		if c.field != "" {
			fields = []string{"Idempotency-Key", c.field}
		}
		w := r.call("POST", "/api/channels/quotes:x/messages"+c.query, c.data, fields...)
		if got := want(t, w, 200, ""); got["duplicate"] != nil {
			t.Errorf("%s", w.Body)
		}
	}
	line := `{"channel":"quotes:x","key":"c","once":"m","data":5}`
	if w := r.call("POST", "/api/batch", line+"\n"+line); strings.Count(w.Body.String(), `"stored":true`) != 2 || strings.Count(w.Body.String(), `"duplicate":true`) != 1 {
		t.Errorf("%s", w.Body)
	}
	if again := want(t, r.call("POST", "/api/channels/quotes:x/messages?key=a", "6", "Idempotency-Key", "a"), 200, ""); again["duplicate"] != true {
		t.Errorf("%v", again)
	}
	var got []string
	for _, m := range r.history("quotes:x/history").Messages {
		got = append(got, m.Key+string(m.Data))
	}
	if text := strings.Join(got, " "); text != "a3 b4 c5" {
		t.Errorf("%s", text)
	}
	first := want(t, r.call("POST", "/api/broadcast?key=k", "1"), 200, "")
	if again := want(t, r.call("POST", "/api/broadcast", "1", "Idempotency-Key", "k"), 200, ""); again["id"] != first["id"] || again["duplicate"] != true {
		t.Errorf("%v and %v", first, again)
	}
}

func TestPresence(t *testing.T) {
	r := newRig(t, nil)
	if w := r.call("GET", "/api/channels/room:1/presence", ""); w.Code != 200 || w.Body.String() != "{\"members\":[],\"total\":0}\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s, _ := r.open("alice", "room:1")
	got := want(t, r.call("GET", "/api/channels/room:1/presence", ""), 200, `"members":[{"user":"alice","sessions":["`+s.ID()+`"],"since":"`)
	if got["total"] != 1.0 {
		t.Errorf("%v", got)
	}
}
