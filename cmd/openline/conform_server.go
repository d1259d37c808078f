package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

// conformServerCmd is openline conform server.
type conformServerCmd struct {
	URL    string `arg:"" name:"url" help:"Where the server echoes: ws://HOST:PORT/PATH, or wss."`
	Strict bool   `help:"Play SHOULD and hardening too, and tolerate nothing that the standards leave room for."`
	CAFile string `name:"ca-file" placeholder:"FILE" type:"path" help:"PEM file of the issuers whose certificates are trusted. Default: the system's."`
	playing
	reporting
}

// Help is what openline conform server --help says beyond its flags.
func (conformServerCmd) Help() string {
	return `The exit status is 0 when every case that was played passed, 1 when one failed, and 2 when nothing could be played: the server cannot be reached, or
the command line makes no sense.`
}

// Run plays the cases.
func (c *conformServerCmd) Run(ctx context.Context, s streams) error {
	if err := checkEchoURL(c.URL); err != nil {
		return err
	}
	groups, err := loadCases()
	if err != nil {
		return err
	}
	o, err := c.options(groups, c.Strict)
	if err != nil {
		return err
	}
	cases := len(c.of(groups, conformance.ServerActor, o.Levels))
	if cases == 0 {
		return usage("none of the chosen cases is about a server")
	}
	if c.CAFile != "" {
		if o.RootCAs, err = readRoots(c.CAFile); err != nil {
			return err
		}
	}
	if err := reachable(ctx, c.URL); err != nil {
		return err
	}
	documents, err := c.open(s)
	if err != nil {
		return err
	}
	p := progressOn(s, "server", cases)
	o.Each = p.each
	report, err := conformance.Server(ctx, c.URL, o)
	p.end()
	if report == nil {
		return unplayed(err)
	}
	return publish(documents, []*conformance.Report{report}, err)
}

// unplayed is a run that could not begin.
func unplayed(err error) error {
	return usage("%s", strings.TrimPrefix(err.Error(), "conformance: "))
}

// checkEchoURL says what is wrong with the address of an echo.
func checkEchoURL(text string) error {
	if !strings.Contains(text, "://") {
		return usage("%q has no scheme: write ws://%s", text, text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return usage("%q is no address such as ws://127.0.0.1:9001/echo", text)
	case u.Scheme == "http" || u.Scheme == "https":
		return usage("%q is the address of a page: write ws%s", text, strings.TrimPrefix(text, "http"))
	case u.Scheme != "ws" && u.Scheme != "wss":
		return usage("the scheme of %q has to be ws or wss", text)
	}
	return nil
}

// reachTime bounds the look whether anybody listens.
const reachTime = 10 * time.Second

// reachable says what is in the way of a server.
func reachable(ctx context.Context, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if errors.Is(err, syscall.ECONNREFUSED) {
		return usage("nobody listens at %s; start the server first", u.Host)
	}
	if err != nil {
		return usage("the server cannot be reached: %v", err)
	}
	return nc.Close()
}

// readRoots reads certificates.
func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("--ca-file: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, usage("--ca-file: %s holds no certificate in PEM", file)
	}
	return roots, nil
}
