// Package end is what the Go programs under test have in common: their
// arguments, and the settings that come in a URL's query.
//
//	PROGRAM server --listen ADDR   serves; prints its address when it is ready
//	PROGRAM client URL             connects to a ws or wss URL and ends with the connection
//	PROGRAM client http://H/next   asks there for URL after URL until it gets 204
package end

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
)

// Limit is the largest message in bytes, where the query says nothing else.
const Limit = 64 << 20

// clients is how many URLs a client works on at the same time.
const clients = 8

// Knobs are the settings that a URL's query asks for.
type Knobs struct {
	Limit        int64       // limit: the largest message in bytes
	NoDeflate    bool        // deflate=off
	Offer        string      // deflate: what a client is to offer; empty: as it likes
	Subprotocols []string    // subprotocols, with commas, or subprotocol: what a client is to offer
	Header       http.Header // header: what a client is to send
}

// Subprotocols are those that a server knows.
var Subprotocols = []string{"v1.chat", "v2.chat"}

// KnobsOf reads the query of a URL. What cannot be read keeps its default.
func KnobsOf(u *url.URL) Knobs {
	k := Knobs{Limit: Limit, Header: http.Header{}}
	if u == nil {
		return k
	}
	q := u.Query()
	if n, err := strconv.ParseInt(q.Get("limit"), 10, 64); err == nil && n > 0 {
		k.Limit = n
	}
	switch d := q.Get("deflate"); d {
	case "off":
		k.NoDeflate = true
	default:
		k.Offer = d
	}
	if q.Has("subprotocols") {
		k.Subprotocols = strings.Split(q.Get("subprotocols"), ",")
	}
	k.Subprotocols = append(k.Subprotocols, q["subprotocol"]...)
	for _, h := range q["header"] {
		if name, value, ok := strings.Cut(h, ":"); ok {
			k.Header.Add(name, strings.TrimSpace(value))
		}
	}
	return k
}

// Parse reads the knobs of a URL in text, and is silent about one that is none.
func Parse(text string) Knobs {
	u, err := url.Parse(text)
	if err != nil {
		u = nil
	}
	return KnobsOf(u)
}

// Main runs the program: serve with a listener, or connect with one URL after
// another. An error of connect is what its client found wrong, not the
// program's.
func Main(serve func(net.Listener) error, connect func(ctx context.Context, url string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], serve, connect); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// HTTP serves echo at /echo by net/http, and 404 elsewhere.
func HTTP(echo http.HandlerFunc) func(net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	return func(l net.Listener) error { return http.Serve(l, mux) }
}

func run(ctx context.Context, args []string, serve func(net.Listener) error, connect func(context.Context, string) error) error {
	switch {
	case len(args) == 3 && args[0] == "server" && args[1] == "--listen":
		l, err := net.Listen("tcp", args[2])
		if err != nil {
			return err
		}
		fmt.Println(l.Addr())
		return serve(l)
	case len(args) == 2 && args[0] == "client" && strings.HasPrefix(args[1], "http:"):
		return callIn(ctx, args[1], connect)
	case len(args) == 2 && args[0] == "client":
		return connect(ctx, args[1])
	}
	return errors.New("usage: server --listen ADDR | client URL")
}

// callIn connects to the URLs that next answers, several at a time.
func callIn(ctx context.Context, next string, connect func(context.Context, string) error) error {
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for i := range clients {
		wg.Go(func() {
			for {
				text, err := fetch(ctx, next+"?worker="+strconv.Itoa(i))
				if err != nil || text == "" {
					errs[i] = err
					return
				}
				if err := connect(ctx, text); err != nil {
					slog.Debug("client", "url", text, "error", err)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func fetch(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return "", nil
	}
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}
