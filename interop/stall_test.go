package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// downLine is a session that is read message by message, by a client that others wrote; what is not read stays in the network.
type downLine struct {
	read func() ([]byte, error)
	end  func()
}

// errEnded is how a line ends in order.
var errEnded = errors.New("the line has ended")

// dialContext dials connections that take little while nobody reads, where narrow is set.
func dialContext(narrow bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil && narrow {
			err = nc.(*net.TCPConn).SetReadBuffer(128 << 10)
		}
		return nc, err
	}
}

// downWebSocket opens a session over WebSocket.
func (srv *server) downWebSocket(t *testing.T, query string, narrow bool) downLine {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: dialContext(narrow)}
	c, _, err := dialer.DialContext(t.Context(), srv.ws+"/ws/"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return downLine{func() ([]byte, error) {
		_, data, err := c.ReadMessage()
		if e, ok := errors.AsType[*websocket.CloseError](err); ok && e.Code == 4008 {
			err = errEnded
		}
		return data, err
	}, func() { c.Close() }}
}

// downEvents opens a session over server-sent events.
func (srv *server) downEvents(t *testing.T, query string, narrow bool) downLine {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.http+"/sse/"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dialContext(narrow), DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET /sse: %s", response.Status)
	}
	end := func() {
		cancel()
		response.Body.Close()
	}
	t.Cleanup(end)
	in := bufio.NewReader(response.Body)
	return downLine{func() ([]byte, error) {
		for {
			line, err := in.ReadBytes('\n')
			if err == io.EOF {
				err = errEnded
			}
			if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok || err != nil {
				return data, err
			}
		}
	}, end}
}

// next returns the next envelope that is no sys:open.
func (l downLine) next() (m envelope, err error) {
	for err == nil && (m.Type == "" || m.Type == "sys:open") {
		var data []byte
		if data, err = l.read(); err == nil {
			m = envelope{}
			err = json.Unmarshal(data, &m)
		}
	}
	return m, err
}

// number returns the number at the beginning of a message's data.
func (m envelope) number(t *testing.T) int {
	t.Helper()
	var s string
	if err := json.Unmarshal(m.Data, &s); err != nil {
		t.Fatalf("%s %s: %v", m.Type, m.Data, err)
	}
	n, _, _ := strings.Cut(s, " ")
	i, err := strconv.Atoi(n)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// publisher publishes numbered messages, and remembers their ids.
type publisher struct {
	srv  *server
	ids  map[string][]string // by channel; the first message's is at 1
	room string
}

// publish publishes one more message to each of the channels.
func (p *publisher) publish(t *testing.T, channels ...string) {
	t.Helper()
	var body bytes.Buffer
	n := map[string]int{}
	for _, channel := range channels {
		if p.ids[channel] == nil {
			p.ids[channel] = []string{""}
		}
		fmt.Fprintf(&body, `{"channel":%q,"data":"%d %s"}`+"\n", channel, len(p.ids[channel])+n[channel], p.room)
		n[channel]++
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.srv.http+"/api/batch", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.srv.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	results := json.NewDecoder(response.Body)
	for _, channel := range channels {
		var receipt struct {
			ID    string
			Error json.RawMessage
		}
		if err := results.Decode(&receipt); err != nil || receipt.ID == "" {
			t.Fatalf("publish: %s %v %s", response.Status, err, receipt.Error)
		}
		p.ids[channel] = append(p.ids[channel], receipt.ID)
	}
}

// resident returns the memory that a process has in use.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Skipf("the memory of a process is not told here: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// place returns the number at the end of a cursor.
func place(t *testing.T, cursor string) int {
	t.Helper()
	n, err := strconv.Atoi(cursor[strings.LastIndexByte(cursor, '-')+1:])
	if err != nil {
		t.Fatalf("the cursor %q: %v", cursor, err)
	}
	return n
}

// Sessions that read nothing, in a namespace of each policy: the server's memory stays bounded, publishing goes on and
// others get everything; then they read again.
func TestServerStalled(t *testing.T) {
	const (
		size    = 16 << 10
		missed  = 640 // in a channel whose sessions come back for all of it
		dropped = 800 // in channels whose sessions do not
		kept    = 50
		bound   = 128 << 20
	)
	srv := serve(t, fmt.Sprintf(`OPENLINE_NAMESPACES={"stay":{},"drop":{"slow":"drop_oldest","history":{"size":%d}},"news":{"slow":"latest","history":{"size":%d}}}`, kept, kept))
	ways := map[string]func(*testing.T, string, bool) downLine{"websocket": srv.downWebSocket, "sse": srv.downEvents}
	amounts := map[string]int{"stay:x": missed, "drop:x": dropped, "news:x": dropped}

	stalled := map[string]downLine{}
	for name, open := range ways {
		for channel := range amounts {
			l := open(t, name+"?channels="+channel, true)
			if _, err := l.read(); err != nil { // it is there
				t.Fatal(err)
			}
			stalled[name+" "+channel] = l
		}
	}
	got := make(chan envelope, 64)
	failed := make(chan error, len(ways))
	for name, open := range ways {
		l := open(t, name+"-well?channels=stay:x,drop:x,news:x", false)
		if _, err := l.read(); err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				m, err := l.next()
				if err != nil {
					failed <- fmt.Errorf("%s: %w", name, err)
					return
				}
				got <- m
			}
		}()
	}

	p := &publisher{srv: srv, ids: map[string][]string{}, room: strings.Repeat("-", size)}
	before := resident(t, srv.pid)
	most := before
	counts := map[string]int{}
	var window []string
	for n := range dropped {
		for channel, amount := range amounts {
			if n < amount {
				window = append(window, channel)
			}
		}
		if n%8 != 7 {
			continue
		}
		p.publish(t, window...)
		window = window[:0]
		// Those who read have each message before the next few come: how fast they are is not the question here.
		for channel := range amounts {
			for counts[channel] < len(ways)*(len(p.ids[channel])-1) {
				select {
				case m := <-got:
					if m.Type != "message" {
						t.Fatalf("those who read get %s %s", m.Type, m.Data)
					}
					if i := m.number(t); m.ID != p.ids[m.Channel][i] || i <= counts[m.Channel]/len(ways)-8 {
						t.Fatalf("message %d of %s comes after %d", i, m.Channel, counts[m.Channel])
					}
					counts[m.Channel]++
				case err := <-failed:
					t.Fatal(err)
				}
			}
		}
		most = max(most, resident(t, srv.pid))
	}
	t.Logf("memory of the server: %d MiB before, %d MiB at most, while %d MiB were published", before>>20, most>>20, (missed+2*dropped)*size>>20)
	if most-before > bound {
		t.Errorf("the server has grown by %d MiB", (most-before)>>20)
	}

	for name, open := range ways {
		t.Run(name+" disconnect", func(t *testing.T) {
			l := stalled[name+" stay:x"]
			last := ""
			n := 0
			for {
				m, err := l.next()
				if err != nil || m.Type == "sys:error" {
					t.Logf("after %d messages: %v %s", n, err, m.Data)
					break
				}
				if n++; m.number(t) != n {
					t.Fatalf("message %d comes after %d", m.number(t), n-1)
				}
				last = m.ID
			}
			if n == missed {
				t.Fatal("it was never behind")
			}
			l.end()
			l = open(t, name+"?channels=stay:x&since="+last, false)
			for n < missed {
				m, err := l.next()
				if n++; err != nil || m.Type != "message" || m.number(t) != n {
					t.Fatalf("after %d messages: %s %v", n-1, m.Type, err)
				}
			}
		})
		t.Run(name+" drop_oldest", func(t *testing.T) {
			n, m := behind(t, stalled[name+" drop:x"], "sys:gap")
			var gap struct{ Channel, After, Before, Reason string }
			if err := json.Unmarshal(m.Data, &gap); err != nil {
				t.Fatal(err)
			}
			ids := p.ids["drop:x"]
			t.Logf("after %d messages: %s", n, m.Data)
			if gap.Channel != "drop:x" || gap.Reason != "evicted" || gap.Before != ids[dropped-kept+1] || place(t, gap.After) < place(t, ids[n]) || place(t, gap.After) >= place(t, ids[n+1]) {
				t.Errorf("it has had %d messages, up to %s, and the gap is %+v", n, ids[n], gap)
			}
			for i := dropped - kept + 1; i <= dropped; i++ {
				if m, err := stalled[name+" drop:x"].next(); err != nil || m.Type != "message" || m.number(t) != i {
					t.Fatalf("%s %v in the place of message %d", m.Type, err, i)
				}
			}
		})
		t.Run(name+" latest", func(t *testing.T) {
			l := stalled[name+" news:x"]
			n := 0
			for n < dropped {
				m, err := l.next()
				if err != nil || m.Type != "message" {
					t.Fatalf("after %d messages: %s %s %v", n, m.Type, m.Data, err)
				}
				if i := m.number(t); i != n+1 {
					t.Logf("after %d messages: message %d", n, i)
					if i != dropped {
						t.Errorf("message %d comes after %d, want the newest", i, n)
					}
					return
				}
				n++
			}
			t.Error("it was never behind")
		})
	}
	for _, channel := range []string{"drop:x", "news:x"} {
		p.publish(t, channel)
		for name := range ways {
			if m, err := stalled[name+" "+channel].next(); err != nil || m.ID != p.ids[channel][dropped+1] {
				t.Errorf("%s in %s is not live any more: %s %v", name, channel, m.Type, err)
			}
		}
	}
}

// behind reads messages 1 to n, each once, up to an envelope of another type.
func behind(t *testing.T, l downLine, kind string) (n int, m envelope) {
	t.Helper()
	for {
		m, err := l.next()
		switch {
		case err != nil:
			t.Fatalf("after %d messages: %v", n, err)
		case m.Type == kind:
			return n, m
		case m.Type != "message" || m.number(t) != n+1:
			t.Fatalf("%s %.40s comes after message %d", m.Type, m.Data, n)
		}
		n++
	}
}
