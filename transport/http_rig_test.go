package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/openline/openline"
)

// plainRig is a hub behind all transports.
type plainRig struct {
	*rig
	http   *HTTP
	server *httptest.Server
	url    string
}

func newPlainRig(t *testing.T, hub *openline.Options, o *Options, plain *HTTPOptions) *plainRig {
	t.Helper()
	r := &plainRig{rig: newRig(t, hub, o)}
	var err error
	if r.http, err = NewHTTP(r.ws, plain); err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewServer(r)
	r.url = r.server.URL
	r.address = "ws" + strings.TrimPrefix(r.url, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = r.hub.Shutdown(ctx)
		r.http.Close()
		_ = r.ws.Shutdown(ctx)
		r.server.Close()
	})
	return r
}

func (r *plainRig) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if Handles(q.URL.Path) {
		r.http.ServeHTTP(w, q)
		return
	}
	r.ws.ServeHTTP(w, q)
}

// envelope is what tests look at in one.
type envelope struct {
	ID, Cursor, Type, Channel, From string
	Data                            json.RawMessage
	Ref                             json.RawMessage
}

// place is the cursor after it.
func (e *envelope) place() string {
	if e.Cursor == "" && strings.HasPrefix(e.Type, "sys:") {
		var d struct{ Cursor string }
		_ = json.Unmarshal(e.Data, &d)
		return d.Cursor
	}
	if e.Cursor != "" {
		return e.Cursor
	}
	return e.ID
}

// do makes a request. fields are name and value in turns.
func (r *plainRig) do(method, path, body string, fields ...string) *http.Response {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Add(fields[i], fields[i+1])
	}
	resp, err := r.server.Client().Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// text returns a body.
func (r *plainRig) text(resp *http.Response) string {
	r.t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// polled is the answer to a poll.
type polled struct {
	status   int
	Cursor   string
	Messages []envelope
	More     bool
	body     string
}

// data lists what came, "sys:open" for that.
func (p *polled) data() string {
	var list []string
	for _, m := range p.Messages {
		if strings.HasPrefix(m.Type, "sys:") {
			list = append(list, m.Type)
		} else {
			list = append(list, string(m.Data))
		}
	}
	return strings.Join(list, " ")
}

// poll polls; query begins with "&" or is empty.
func (r *plainRig) poll(user, cursor, query string, fields ...string) *polled {
	r.t.Helper()
	path := "/poll/" + user + "?since=" + url.QueryEscape(cursor) + query
	if cursor == "" {
		path = "/poll/" + user + "?" + strings.TrimPrefix(query, "&")
	}
	resp := r.do("GET", path, "", fields...)
	p := &polled{status: resp.StatusCode, body: r.text(resp)}
	if p.status == http.StatusOK {
		if err := json.Unmarshal([]byte(p.body), p); err != nil {
			r.t.Fatalf("%s: %v", p.body, err)
		}
	}
	return p
}

func (r *plainRig) publish(channel string, data any) string {
	r.t.Helper()
	got, err := r.hub.Publish(r.t.Context(), openline.Publication{Channel: channel, Data: fmt.Append(nil, data)})
	if err != nil {
		r.t.Fatal(err)
	}
	return got.ID
}

// down is an answer that does not end, read event by event or line by line.
type down struct {
	t      *testing.T
	resp   *http.Response
	in     *bufio.Reader
	events bool
}

func (r *plainRig) open(path string, fields ...string) *down {
	r.t.Helper()
	resp := r.do("GET", path, "", fields...)
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s %s", path, resp.Status, r.text(resp))
	}
	return &down{r.t, resp, bufio.NewReader(resp.Body), strings.HasPrefix(path, "/sse/")}
}

// event is one event's fields, or one line as its data; nil at the end.
func (d *down) event() map[string]string {
	d.t.Helper()
	e := map[string]string{}
	for {
		line, err := d.in.ReadString('\n')
		if err == io.EOF && line == "" {
			return nil
		}
		if err != nil {
			d.t.Fatalf("after %q: %v", line, err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case !d.events:
			return map[string]string{"data": line}
		case line == "":
			return e
		}
		name, value, _ := strings.Cut(line, ":")
		e[name] = strings.TrimPrefix(value, " ")
	}
}

// next returns the next envelope; nil at the end.
func (d *down) next() *envelope {
	d.t.Helper()
	for {
		e := d.event()
		if e == nil {
			return nil
		}
		if e["data"] == "" {
			continue
		}
		m := &envelope{}
		if err := json.Unmarshal([]byte(e["data"]), m); err != nil {
			d.t.Fatalf("%q: %v", e["data"], err)
		}
		return m
	}
}

// expect reads envelopes, whose data, or type if that is a sys:, are these.
func (d *down) expect(want ...string) (last *envelope) {
	d.t.Helper()
	for _, w := range want {
		last = d.next()
		if last == nil {
			d.t.Fatalf("the end, want %s", w)
		}
		if got := string(last.Data); got != w && last.Type != w {
			d.t.Fatalf("%s %s, want %s", last.Type, got, w)
		}
	}
	return last
}

// raw sends octets and returns what reads the answers.
func (r *plainRig) raw(request string) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		r.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// until waits for what another goroutine brings about.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	for !is() {
		if ctx.Err() != nil {
			t.Fatal(what)
		}
		yield()
	}
}

// head reads one answer's header section.
func head(t *testing.T, in *bufio.Reader) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}
