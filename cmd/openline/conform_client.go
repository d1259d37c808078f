package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

// conformClientCmd is openline conform client.
type conformClientCmd struct {
	Listen  string   `default:"127.0.0.1:9001" placeholder:"HOST[:PORT]" help:"The host at whose ports the cases listen, and the port at which clients ask for the next one. Default: 127.0.0.1:9001."`
	Strict  bool     `help:"Play SHOULD and hardening too, and tolerate nothing that the standards leave room for."`
	Command []string `arg:"" optional:"" passthrough:"" help:"Runs the client for one case: {} in it stands for the URL; without a {}, the URL is added at the end."`
	playing
	reporting
}

// Help is what openline conform client --help says beyond its flags.
func (conformClientCmd) Help() string {
	return `With a command, that is started for each case, several at once. It gets the URL as an argument and in OPENLINE_CONFORM_URL, connects to it, sends each
message back and ends when the connection has ended. SSL_CERT_FILE and NODE_EXTRA_CA_CERTS name the file of the issuer to be trusted.

Without a command, clients call in: GET http://HOST:PORT/next is answered with the URL of the next case, once the case before is over for the client that
asks, and with 204 when there are no more. With --parallel N, N clients may do so, each with a name of its own: /next?client=NAME.

The exit status is 0 when every case that was played passed, 1 when one failed, and 2 when the command line makes no sense.`
}

// Run plays the cases.
func (c *conformClientCmd) Run(ctx context.Context, s streams) error {
	groups, err := loadCases()
	if err != nil {
		return err
	}
	o, err := c.options(groups, c.Strict)
	if err != nil {
		return err
	}
	cases := len(c.of(groups, conformance.ClientActor, o.Levels))
	if cases == 0 {
		return usage("none of the chosen cases is about a client")
	}
	if len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(c.Command) > 0 {
		if err := findCommand(c.Command[0]); err != nil {
			return err
		}
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		host, port = strings.Trim(c.Listen, "[]"), "9001"
	}
	o.Listen = host
	dir, err := os.MkdirTemp("", "openline-conform-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o.CAFile = filepath.Join(dir, "ca.pem")
	documents, err := c.open(s)
	if err != nil {
		return err
	}
	p := progressOn(s, "client", cases)
	o.Each = p.each

	var start func(ctx context.Context, url string) error
	target := strings.Join(c.Command, " ")
	if len(c.Command) > 0 {
		start = (&clientCommand{argv: c.Command, caFile: o.CAFile}).start
	} else {
		calls, err := listenForCalls(net.JoinHostPort(host, port))
		if err != nil {
			return err
		}
		defer calls.close()
		o.Parallel = max(c.Parallel, 1)
		start, target = calls.start, "the client that calls at "+calls.url()
		fmt.Fprintf(s.err, "clients ask for cases at %s\nthe issuer to be trusted: %s\n", calls.url(), o.CAFile)
		first, stop := context.WithTimeout(ctx, time.Duration(c.Patience*float64(callsFirst)))
		defer stop()
		if calls.await(first) != nil {
			return failed("no client has called at %s; start one, or give the command that does behind --", calls.url())
		}
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		calls.gone = func() { cancel(errors.New("no client asks for one any more")) }
	}
	report, err := conformance.Client(ctx, start, o)
	p.end()
	if report != nil && err != nil {
		err = context.Cause(ctx)
	}
	if report == nil {
		return unplayed(err)
	}
	report.Target = target
	return publish(documents, []*conformance.Report{report}, err)
}
