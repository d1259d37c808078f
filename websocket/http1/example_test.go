package http1_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/openline/openline/websocket/http1"
)

func ExampleServe() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello from %s\n", r.Host)
		}),
		IdleTimeout: 2 * time.Minute,
	}
	done := make(chan error)
	go func() { done <- http1.Serve(srv, l, &http1.Options{Hosts: []string{"chat.example"}}) }()

	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	// The second request says in two ways where it ends.
	io.WriteString(nc, "GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n"+
		"POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	r := bufio.NewReader(nc)
	for range 2 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		fmt.Print(resp.Status, ": ", string(body))
	}
	nc.Close()
	srv.Close()
	fmt.Println(<-done)
	// Output:
	// 200 OK: hello from chat.example
	// 400 Bad Request: 400 Bad Request: The request has both Transfer-Encoding and Content-Length; send one of them (RFC 9112 §6.1).
	// http: Server closed
}

func ExampleDetach() {
	_ = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		// In order: what net/http has read, what the guard has read, the connection.
		first, _ := rw.Reader.Peek(rw.Reader.Buffered())
		raw, held := http1.Detach(nc)
		defer raw.Close()
		fmt.Println(len(first), len(held))
	})
}

// A program that reads host names from its configuration can tell early what Serve would not take.
func ExampleCheckHosts() {
	fmt.Println(http1.CheckHosts([]string{"chat.example", "*.chat.example", "[::1]"}))
	fmt.Println(http1.CheckHosts([]string{"https://chat.example"}))
	// Output:
	// <nil>
	// http1: Hosts entry "https://chat.example" is not a host name or address; leave out scheme, port and path
}
