package openline

import (
	"encoding/json"
	"testing"
)

// Whatever a client sends: no panic, and one answer that is JSON, or the end of the session.
func FuzzReceive(f *testing.F) {
	for _, s := range []string{
		`{"type":"ping","ref":1}`, `{"type":"subscribe","channel":"c","ref":"a"}`, `{"type":"unsubscribe","channel":"c"}`,
		`{"type":"publish","channel":"c","event":"e","data":{"a":[1]},"key":"k"}`, `{"type":"send","to":"alice","data":1}`,
		`{"type":"history","channel":"c"}`, `{"type":"sys:open"}`, `{"typ`, `{"type":"own","x":1}`, "{\"\\u0074ype\":\"ping\"}", `{"":0}`, "\xff", `[]`, ``,
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, binary bool) {
		h := newHub(t, &Options{Shards: 1})
		s, l := openSession(t, h, "alice", "c")
		s.ReceiveRaw(t.Context(), b, binary)
		if err := s.Unsubscribe("c"); err != nil { // and so the shard has done what came before
			t.Fatal(err)
		}
		h.UserSessions("alice")
		answers := 0
		for _, m := range l.messages(1)[1:] {
			e := read(t, m)
			switch e.Type {
			case "sys:ok", "sys:error":
				answers++
				var d map[string]any
				if err := json.Unmarshal(e.Data, &d); err != nil {
					t.Errorf("%s: %v", m.JSON(), err)
				}
			case "sys:open":
				t.Errorf("%s", m.JSON())
			default:
				if m.From != "alice" {
					t.Errorf("%s", m.JSON())
				}
			}
		}
		if answers != 1 || s.ended() {
			t.Errorf("%q: %d answers, ended %v", b, answers, s.ended())
		}
	})
}
