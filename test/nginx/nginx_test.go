package nginx

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/server"
	"github.com/openline/openline/websocket"
)

// patience bounds a wait that would otherwise hang a failing test.
const patience = 20 * time.Second

const key = "key-of-the-test-backend"

// serve runs a server until the end of the test and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	s, err := server.New(&server.Config{Listen: "127.0.0.1:0", APIKeys: []string{key}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s.Addr().String()
}

// fetch makes a request and returns what answers it.
func fetch(t *testing.T, method, url, body string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// What comes through each of the proxies: the page, a WebSocket where Upgrade is
// passed on, and everywhere the streams, each message when it is sent.
func TestThrough(t *testing.T) {
	for name, upgrades := range map[string]bool{"plain": false, "upgrade": true, "stream": false} {
		t.Run(name, func(t *testing.T) {
			proxy := Start(t, name, serve(t))
			res := fetch(t, "GET", proxy.URL()+"/", "")
			if page, err := io.ReadAll(res.Body); res.StatusCode != 200 || !strings.Contains(string(page), "<title>") || err != nil {
				t.Errorf("the page: %d %.100s, %v", res.StatusCode, page, err)
			}

			c, err := websocket.Dial(t.Context(), "ws://"+proxy.Addr+"/ws/alice", nil)
			var refused *websocket.HandshakeError
			switch {
			case upgrades && err != nil:
				t.Error(err)
			case upgrades:
				if _, data, err := c.Read(t.Context()); !strings.Contains(string(data), `"sys:open"`) || err != nil {
					t.Errorf("%s, %v", data, err)
				}
				_ = c.CloseNow()
			case !errors.As(err, &refused) || refused.Status != 426:
				t.Errorf("without Upgrade: %v", err)
			}

			for path, begin := range map[string]string{"/stream/bob": `{"`, "/sse/carol": "data: "} {
				_, user, _ := strings.Cut(path[1:], "/")
				in := bufio.NewScanner(fetch(t, "GET", proxy.URL()+path, "").Body)
				until := func(what string) {
					t.Helper()
					for in.Scan() {
						if strings.HasPrefix(in.Text(), begin) && strings.Contains(in.Text(), what) {
							return
						}
					}
					t.Fatalf("%s ends without %s: %v", path, what, in.Err())
				}
				until("sys:open")
				for _, text := range []string{"one", "two"} {
					fetch(t, "POST", proxy.URL()+"/api/users/"+user+"/messages", `"`+text+`"`)
					until(text)
				}
			}
		})
	}
}

// Through a proxy that holds answers back only whole ones come, such as those of polls.
func TestHold(t *testing.T) {
	proxy := Start(t, "hold", serve(t))
	res := fetch(t, "GET", proxy.URL()+"/poll/alice", "")
	if answer, err := io.ReadAll(res.Body); res.StatusCode != 200 || !strings.Contains(string(answer), "sys:open") || err != nil {
		t.Errorf("%d %s, %v", res.StatusCode, answer, err)
	}
}

// A proxy that goes takes its connections with it.
func TestStop(t *testing.T) {
	proxy := Start(t, "stream", serve(t))
	in := bufio.NewReader(fetch(t, "GET", proxy.URL()+"/stream/alice", "").Body)
	if line, err := in.ReadString('\n'); !strings.Contains(line, "sys:open") || err != nil {
		t.Errorf("%s, %v", line, err)
	}
	proxy.Stop()
	if _, err := io.Copy(io.Discard, in); err == nil {
		t.Error("the stream ended in order")
	}
	if !strings.Contains(proxy.Log(), "nginx/") {
		t.Errorf("it said %q", proxy.Log())
	}
}
