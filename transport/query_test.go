package transport

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// list returns n channels as one value of the query.
func list(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("c", i)
	}
	return strings.Join(names, ",")
}

func (r *rig) refused(path string) *websocket.HandshakeError {
	r.t.Helper()
	c, err := websocket.Dial(r.t.Context(), r.address+path, nil)
	var refused *websocket.HandshakeError
	if !errors.As(err, &refused) {
		if err == nil {
			_ = c.CloseNow()
		}
		r.t.Fatalf("dialling %.100s: %v, want a refusal", path, err)
	}
	return refused
}

func TestTooManyChannels(t *testing.T) {
	r := newRig(t, nil, nil)
	if e := r.refused("/ws/alice?channels=" + list(257)); e.Status != 400 || !strings.Contains(string(e.Body), "more than 256 channels") || !strings.Contains(string(e.Body), `"limit"`) {
		t.Errorf("%d %s", e.Status, e.Body)
	}
	// A name given again is not one more.
	if kind, _ := r.next(r.dial("/ws/alice?channels=" + list(256) + ",c1&channels=c2")); kind != "sys:open" {
		t.Error(kind)
	}
	r = newRig(t, &openline.Options{MaxChannels: 2}, &Options{MaxChannels: 2})
	if e := r.refused("/ws/alice?channels=" + list(2) + "&channels=other"); e.Status != 400 {
		t.Errorf("%d %s", e.Status, e.Body)
	}
	r = newRig(t, &openline.Options{MaxChannels: -1}, &Options{MaxChannels: -1})
	r.next(r.dial("/ws/alice?channels=" + list(300)))
}

func TestQueryIsKnown(t *testing.T) {
	r := newRig(t, nil, nil)
	for query, says := range map[string]string{
		"raw=a&raw=b":       "raw is given more than once",
		"token=a&token=a":   "token is given more than once",
		"since=1-1&since=2": "since is given more than once",
		"channel=a":         "takes channels, raw, since, token",
		"Channels=a":        "takes channels, raw, since, token",
		"%22=1":             "is not known",
	} {
		if e := r.refused("/ws/alice?" + query); e.Status != 400 || !strings.Contains(string(e.Body), says) {
			t.Errorf("%s: %d %s, want %q", query, e.Status, e.Body, says)
		}
	}
}
