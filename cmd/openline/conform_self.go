package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/websocket/conformance"
	"github.com/openline/openline/websocket/conformance/echo"
)

// conformSelfCmd is openline conform self.
type conformSelfCmd struct {
	Driver []string `placeholder:"NAME" help:"How package websocket is used: ${drivers}; may be given again. Default: all."`
	Actor  string   `enum:"both,server,client" default:"both" placeholder:"END" help:"Which end is held against the cases: server, client or both. Default: both."`
	playing
	reporting
}

// Help is what openline conform self --help says beyond its flags.
func (conformSelfCmd) Help() string {
	return `Runs the echo of openline conform echo in this process and plays all cases strictly: for each driver the server and the client, and the server over TLS,
with the first driver in all cases, with the others in those that are about TLS. The exit status is 0 when all passed.`
}

// Run plays the cases with each driver.
func (c *conformSelfCmd) Run(ctx context.Context, s streams) error {
	for _, name := range c.Driver {
		if !slices.Contains(echo.Drivers(), name) {
			return usage("--driver: there is no driver %q; there are %s", name, strings.Join(echo.Drivers(), ", "))
		}
	}
	drivers := c.Driver
	if len(drivers) == 0 {
		drivers = echo.Drivers()
	}
	groups, err := loadCases()
	if err != nil {
		return err
	}
	o, err := c.options(groups, true)
	if err != nil {
		return err
	}
	documents, err := c.open(s)
	if err != nil {
		return err
	}
	run := &selfRun{cmd: c, ctx: ctx, s: s, options: o}
	for i, driver := range drivers {
		if err = run.with(driver, i == 0, groups); err != nil {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		return err
	}
	if len(run.reports) == 0 && err == nil {
		return usage("none of the chosen cases is about the %s", c.Actor)
	}
	return publish(documents, run.reports, err)
}

// selfRun is one run of openline conform self.
type selfRun struct {
	cmd     *conformSelfCmd
	ctx     context.Context
	s       streams
	options *conformance.Options
	reports []*conformance.Report
}

// with plays all cases with a driver. TLS makes no difference between drivers, so
// only the first of them goes through all over TLS.
func (r *selfRun) with(driver string, first bool, groups []*conformance.Group) error {
	if r.cmd.Actor != "client" {
		all := r.cmd.of(groups, conformance.ServerActor, r.options.Levels)
		overTCP, overTLS := splitByTLS(all)
		if first {
			overTLS = all
		}
		err := r.play("server, "+driver, overTCP, func(o *conformance.Options) (*conformance.Report, error) {
			return playServer(r.ctx, driver, false, o)
		})
		if err == nil {
			err = r.play("server over TLS, "+driver, overTLS, func(o *conformance.Options) (*conformance.Report, error) {
				return playServer(r.ctx, driver, true, o)
			})
		}
		if err != nil {
			return err
		}
	}
	if r.cmd.Actor == "server" {
		return nil
	}
	all := r.cmd.of(groups, conformance.ClientActor, r.options.Levels)
	return r.play("client, "+driver, all, func(o *conformance.Options) (*conformance.Report, error) {
		return playClient(r.ctx, driver, o)
	})
}

// play plays some of the cases.
func (r *selfRun) play(what string, cases []*conformance.Case, run func(*conformance.Options) (*conformance.Report, error)) error {
	if len(cases) == 0 {
		return nil // the choice is about something else
	}
	p := progressOn(r.s, what, len(cases))
	o := *r.options
	o.Each = p.each
	o.Select = nil
	for _, k := range cases {
		o.Select = append(o.Select, k.ID)
	}
	report, err := run(&o)
	p.end()
	if report == nil {
		return unplayed(err)
	}
	r.reports = append(r.reports, report)
	return err
}

// selfHandshake is shorter than what servers have by default, for cases that
// wait until it is over. On a slow machine a request that comes octet by octet
// takes its time as well, so --patience multiplies it.
const selfHandshake = 5 * time.Second

// splitByTLS separates the cases that cannot be played without TLS.
func splitByTLS(cases []*conformance.Case) (without, with []*conformance.Case) {
	for _, k := range cases {
		if slices.Contains(k.Needs, "tls") {
			with = append(with, k)
		} else {
			without = append(without, k)
		}
	}
	return without, with
}

// playServer plays the cases with a server in this process.
func playServer(ctx context.Context, driver string, secure bool, o *conformance.Options) (*conformance.Report, error) {
	srv, err := echo.New(&echo.Options{
		Driver:           driver,
		Hosts:            []string{"127.0.0.1", "::1", "localhost", "ws.test", "xn--bcher-kva.test"},
		HandshakeTimeout: time.Duration(o.Patience * float64(selfHandshake)),
	})
	if err != nil {
		return nil, err
	}
	scheme := "ws"
	var config *tls.Config
	if secure {
		cert, roots, err := selfSigned()
		if err != nil {
			return nil, err
		}
		scheme, config, o.RootCAs = "wss", serverTLS(cert), roots
	}
	running, err := startEcho(srv, "127.0.0.1:0", config)
	if err != nil {
		return nil, err
	}
	o.Driver = driver
	report, err := conformance.Server(ctx, fmt.Sprintf("%s://%s/echo", scheme, running.addr), o)
	if e := running.stop(); err == nil {
		err = e
	}
	return report, err
}

// playClient plays the cases with clients in this process.
func playClient(ctx context.Context, driver string, o *conformance.Options) (*conformance.Report, error) {
	dir, err := os.MkdirTemp("", "openline-conform-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o.Driver, o.CAFile = driver, filepath.Join(dir, "ca.pem")
	if o.Features == nil {
		o.Features = echo.ClientFeatures
	}
	report, err := conformance.Client(ctx, func(ctx context.Context, url string) error {
		return echo.Client(ctx, url, &echo.ClientOptions{Driver: driver, CAFile: o.CAFile})
	}, o)
	if report != nil {
		report.Target = "of package websocket"
	}
	return report, err
}

// selfSigned makes a certificate for this machine alone, valid for a day.
func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "openline conform self"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots, nil
}
