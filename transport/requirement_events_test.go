package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/openline/openline"
)

// SE-9.2.3-02: an EventSource whose session has been ended for good hears that when it comes
// back, and others are not told to go.
func TestSEEndedForGood(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for code, good := range map[int]bool{
		openline.CloseKicked: true, openline.CloseForbidden: true, openline.CloseNormal: true, openline.ClosePolicy: true,
		openline.CloseGoingAway: false, openline.CloseTryAgainLater: false, openline.CloseInternal: false, openline.CloseUnauthorised: false,
	} {
		user := fmt.Sprint("u", code)
		d := r.open("/sse/" + user)
		open := d.expect("sys:open")
		r.hub.DisconnectUser(user, code, "by the test")
		id := ""
		for e := d.event(); e != nil; e = d.event() {
			if e["id"] != "" {
				id = e["id"]
			}
		}
		if id == "" {
			id = open.place()
		}
		resp := r.do("GET", "/sse/"+user, "", "Last-Event-ID", id)
		want := http.StatusOK
		if good {
			want = http.StatusNoContent
		}
		if resp.StatusCode != want || good && (resp.ContentLength > 0 || resp.TransferEncoding != nil) {
			t.Errorf("%d: %s", code, resp.Status)
		}
		if good { // of another user, the name of a session says nothing
			if resp := r.do("GET", "/sse/other", "", "Last-Event-ID", id); resp.StatusCode != 200 {
				t.Errorf("another: %s", resp.Status)
			}
		}
	}
}

// SE-9.2.4-01: the field resumes right after that event, and goes before the query; what is
// malformed is refused, what is not held any more is a gap.
func TestSEResume(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	d := r.open("/sse/alice?channels=c")
	first := d.expect("sys:open").place()
	ids := []string{first}
	for i := range 5 {
		ids = append(ids, r.publish("c", i))
	}
	for i := range 5 {
		if e := d.expect(fmt.Sprint(i)); e.ID != ids[i+1] {
			t.Errorf("%s, want %s", e.ID, ids[i+1])
		}
	}
	d = r.open("/sse/alice?channels=c&since="+first, "Last-Event-ID", ids[3])
	open := d.expect("sys:open")
	if !strings.Contains(string(open.Data), `"resumed":true`) || open.place() != ids[3] {
		t.Errorf("%s", open.Data)
	}
	d.expect("3", "4")
	d = r.open("/sse/alice?channels=c&since="+ids[4], "Last-Event-ID", "")
	d.expect("sys:open", "4")
	d = r.open("/sse/alice?channels=c", "Last-Event-ID", "gone-17")
	open = d.expect("sys:open")
	if !strings.Contains(string(open.Data), `"resumed":false`) {
		t.Errorf("%s", open.Data)
	}
	d.expect("sys:gap", "0", "1", "2", "3", "4")
	for _, bad := range []string{"41", "gone", "a\xffb-1", "é-1", "a:1", strings.Repeat("9", 64<<10)} {
		if resp := r.do("GET", "/sse/alice", "", "Last-Event-ID", bad); resp.StatusCode != 400 && resp.StatusCode != 431 {
			t.Errorf("%.20q: %s", bad, resp.Status)
		}
	}
	if resp := r.do("GET", "/sse/alice?lastEventId=41", ""); resp.StatusCode != 400 {
		t.Errorf("lastEventId: %s", resp.Status)
	}
}

// SE-9.2.4-02: ids need no preflight, and are short.
func TestSEIDs(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	d := r.open("/sse/alice?channels=c")
	r.publish("c", 1)
	p := r.poll("bob", "", "")
	list := []string{p.Cursor}
	for len(list) < 3 {
		if e := d.event(); e["data"] != "" {
			list = append(list, e["id"])
		}
	}
	for _, id := range list {
		if len(id) > 128 || !regexp.MustCompile(`^[A-Za-z0-9.-]+$`).MatchString(id) {
			t.Errorf("%q", id)
		}
	}
}

// SE-9.2.5-01, SE-9.2.5-02: whatever is published is one event, and nothing in it is a field.
func TestSEFraming(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	d := r.open("/sse/alice?channels=c")
	d.expect("sys:open")
	for _, data := range []string{
		`"a\nb\r\nc\rd"`, `" x"`, `""`, "{\n\"a\":1,\r\n\"b\":\r2}", `"data: evil\n\nevent: x"`, "\"\u2028\u2029\u0085\"", `" "`, `"` + strings.Repeat("y", 70000) + `"`,
	} {
		r.publish("c", data)
		e := d.event()
		for name := range e {
			if name != "id" && name != "data" {
				t.Errorf("%q: a field %q", data, name)
			}
		}
		var m envelope
		if err := json.Unmarshal([]byte(e["data"]), &m); err != nil {
			t.Fatalf("%q: %q: %v", data, e["data"], err)
		}
		var got, want any
		_, _ = json.Unmarshal(m.Data, &got), json.Unmarshal([]byte(data), &want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", m.Data, data)
		}
	}
	for _, p := range []openline.Publication{
		{Channel: "c", Type: "x\ndata: evil", Data: []byte("1")}, {Channel: "c", Type: "a\x00b", Data: []byte("1")}, {Channel: "c\nid: 1", Data: []byte("1")},
	} {
		if _, err := r.hub.Publish(t.Context(), p); err == nil {
			t.Errorf("%+v has been published", p)
		}
	}
	_, _ = r.hub.Publish(t.Context(), openline.Publication{Channel: "c", Type: "tick", Data: []byte("2")})
	if e := d.event(); e["event"] != "tick" || e["id"] == "" {
		t.Errorf("%v", e)
	}
}

// SE-9.2.5-03: the time to come back is in digits, and not the same for all.
func TestSERetry(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	times := map[string]bool{}
	for range 8 {
		d := r.open("/sse/alice")
		e := d.event()
		if len(e) != 1 || !regexp.MustCompile(`^[12]\d{3}$`).MatchString(e["retry"]) {
			t.Errorf("%v", e)
		}
		times[e["retry"]] = true
	}
	if len(times) < 2 {
		t.Error("all are to come back at the same time")
	}
}
