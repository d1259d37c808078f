package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openline/openline/websocket/conformance/echo"
)

// conformEchoCmd is openline conform echo.
type conformEchoCmd struct {
	Listen  string   `default:"127.0.0.1:9001" placeholder:"HOST:PORT" help:"Be a server there. Default: 127.0.0.1:9001."`
	Connect string   `placeholder:"URL" help:"Be a client of the server at this ws:// or wss:// address, for one connection."`
	Driver  string   `enum:"${drivers}" default:"${defaultDriver}" placeholder:"NAME" help:"How package websocket is used: ${drivers}. Default: ${defaultDriver}."`
	Limit   int64    `default:"67108864" placeholder:"BYTES" help:"The largest message that is taken; negative: any. Default: 64 MiB."`
	Origin  []string `sep:"none" placeholder:"ORIGIN" help:"Pages from this origin may connect too, * for any; may be given again."`
	Host    []string `sep:"none" placeholder:"NAME" help:"Answer for this host only; may be given again. Default: any."`
	TLSCert string   `name:"tls-cert" placeholder:"FILE" type:"path" help:"PEM file of the server's certificate: it speaks TLS then."`
	TLSKey  string   `name:"tls-key" placeholder:"FILE" type:"path" help:"PEM file of its key."`
	Offer   string   `default:"permessage-deflate; client_max_window_bits" placeholder:"OFFER" help:"The compression that the client offers; off: none. Default: permessage-deflate; client_max_window_bits."`
	CAFile  string   `name:"ca-file" placeholder:"FILE" type:"path" help:"PEM file of the issuers whose certificates the client trusts. Default: the system's."`
}

// Help is what openline conform echo --help says beyond its flags.
func (conformEchoCmd) Help() string {
	return `The server echoes at / and /echo, compresses with any parameters that a client wants, and does what the cases of openline conform ask it for. It is made
for tests: who can reach it can have it send without end.`
}

// Run serves until ctx ends, or is a client until the connection has ended.
func (c *conformEchoCmd) Run(ctx context.Context, s streams) error {
	if c.Connect != "" {
		if err := checkEchoURL(c.Connect); err != nil {
			return err
		}
		err := echo.Client(ctx, c.Connect, &echo.ClientOptions{Driver: c.Driver, ReadLimit: c.Limit, Offer: c.Offer, CAFile: c.CAFile})
		if err != nil && ctx.Err() == nil {
			return failed("%v", err)
		}
		return nil
	}
	srv, err := echo.New(&echo.Options{Driver: c.Driver, ReadLimit: c.Limit, Origins: c.Origin, Hosts: c.Host})
	if err != nil {
		return usage("%s", strings.TrimPrefix(err.Error(), "echo: "))
	}
	scheme := "ws"
	var config *tls.Config
	switch {
	case c.TLSCert != "" && c.TLSKey != "":
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return usage("--tls-cert and --tls-key: %v", err)
		}
		scheme, config = "wss", serverTLS(cert)
	case c.TLSCert != "" || c.TLSKey != "":
		return usage("TLS takes both --tls-cert and --tls-key")
	}
	running, err := startEcho(srv, c.Listen, config)
	if err != nil {
		return usage("--listen: %v", err)
	}
	fmt.Fprintf(s.out, "echo at %s://%s/echo (driver %s)\n", scheme, running.addr, c.Driver)
	select {
	case <-ctx.Done():
	case err := <-running.served:
		running.served <- err
	}
	return running.stop()
}

// runningEcho is a server in this process.
type runningEcho struct {
	srv    *echo.Server
	addr   net.Addr
	served chan error
}

func serverTLS(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// startEcho serves srv, over TLS unless config is nil.
func startEcho(srv *echo.Server, address string, config *tls.Config) (*runningEcho, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	r := &runningEcho{srv: srv, addr: l.Addr(), served: make(chan error, 1)}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	go func() { r.served <- srv.Serve(l) }()
	return r, nil
}

// echoStop bounds how long connections have to end.
const echoStop = 5 * time.Second

// stop ends the server. What it had to cut off does not matter.
func (r *runningEcho) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), echoStop)
	defer cancel()
	_ = r.srv.Shutdown(ctx)
	if err := <-r.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
