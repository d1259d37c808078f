package api

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline"
)

// held is a line that keeps its session's messages waiting.
type held struct{ let chan struct{} }

func (h held) Send(m *openline.Message) error {
	if m.Type == openline.DefaultType {
		<-h.let
	}
	return nil
}

func (held) Close(int, string) {}

// hold opens a session of a user whose messages wait for what it returns.
func (r *rig) hold(user string) chan struct{} {
	r.t.Helper()
	let := make(chan struct{})
	s, err := r.hub.Open(r.t.Context(), held{let}, openline.Opening{User: user, Transport: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Closed(nil) })
	return let
}

// A line is read while those before it are being delivered, and the results
// are in order all the same.
func TestBatchGoesOn(t *testing.T) {
	r := newRig(t, nil)
	let := r.hold("slow")
	body, in := io.Pipe()
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.api.ServeHTTP(w, r.request("POST", "/api/batch", body))
	}()
	for _, line := range []string{`{"to":"slow","data":1}`, `{"to":"nobody","data":2}`, `nonsense`, `{"to":"slow","data":4}`} {
		// Each write waits until the one before has been read.
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	close(let)
	in.Close()
	<-done
	list := results(t, w.Body.String())
	if len(list) != 4 {
		t.Fatalf("%s", w.Body)
	}
	for i, delivered := range []int{1, 0, 0, 1} {
		if list[i].Line != i+1 || list[i].Delivered != delivered || (list[i].Error != nil) != (i == 2) {
			t.Errorf("line %d: %+v", i+1, list[i])
		}
	}
}

// A client that goes away is not kept waiting for, nor is what it has sent.
func TestBatchGivenUp(t *testing.T) {
	r := newRig(t, nil)
	let := r.hold("slow")
	defer close(let)
	ctx, cancel := context.WithCancel(t.Context())
	body, in := io.Pipe()
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.api.ServeHTTP(w, r.request("POST", "/api/batch", body).WithContext(ctx))
	}()
	if _, err := io.WriteString(in, strings.Repeat(`{"to":"slow","data":1}`+"\n", 3)); err != nil {
		t.Fatal(err)
	}
	cancel()
	in.Close()
	<-done
	for i, res := range results(t, w.Body.String()) {
		if res.Line != i+1 || res.Error == nil || res.Error.Status != 500 {
			t.Errorf("%+v", res)
		}
	}
}

// A line too large to be kept while others are on their way is waited for.
func TestBatchLargeLine(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Hub = openline.New(nil)
		o.MaxBody = 1 << 20
		t.Cleanup(func() { _ = o.Hub.Shutdown(context.WithoutCancel(t.Context())) })
	})
	large := `"` + strings.Repeat("x", maxInFlight) + `"`
	var body strings.Builder
	for _, target := range []string{`"to":"a"`, `"channel":"b"`, `"all":true`} {
		body.WriteString("{" + target + `,"data":` + large + "}\n{" + target + "}\n")
	}
	for i, res := range results(t, r.call("POST", "/api/batch", body.String()).Body.String()) {
		if res.Line != i+1 || res.Error != nil {
			t.Errorf("%+v", res)
		}
	}
}
