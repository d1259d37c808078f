package conformance_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline/websocket/conformance"
	"github.com/openline/openline/websocket/conformance/internal/mutant"
)

// mutants makes a run short that looks for one thing.
var mutants = flag.String("mutants", "", "play mutants with cases whose ids begin like this only, separated by commas")

// bench plays cases against mutants.
type bench struct {
	dir    string // for the certificates of the suite's authorities
	secure *tls.Config
	roots  *x509.CertPool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), roots: x509.NewCertPool()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	b.roots.AddCert(leaf)
	b.secure = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return b
}

// play plays what the options select against an end with a fault.
func (b *bench) play(ctx context.Context, end conformance.Actor, fault string, overTLS bool, o conformance.Options) (*conformance.Report, error) {
	o.Strict = true
	o.Features = []string{"all"}
	if end == conformance.ClientActor {
		o.CAFile = filepath.Join(b.dir, rand.Text())
		return conformance.Client(ctx, func(ctx context.Context, url string) error { return mutant.Client(ctx, url, fault, o.CAFile) }, &o)
	}
	var secure *tls.Config
	if overTLS {
		secure, o.RootCAs = b.secure, b.roots
	}
	l, err := mutant.Server(fault, secure)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return conformance.Server(ctx, l.URL, &o)
}

func needsTLS(c *conformance.Case) bool { return slices.Contains(c.Needs, "tls") }

// TestMutantWithoutFault has the faultless mutant pass every case strictly: the cases
// ask for nothing that cannot be done. What depends on TLS is played over TLS as well.
func TestMutantWithoutFault(t *testing.T) {
	b := newBench(t)
	secured := []string{"WS-4.2", "WS-7.1-05", "WS-10", "HM-3", "BR"}
	for _, run := range []struct {
		name   string
		end    conformance.Actor
		secure bool
		cases  []string
	}{
		{"server", conformance.ServerActor, false, nil},
		{"server over TLS", conformance.ServerActor, true, secured},
		{"client", conformance.ClientActor, false, nil},
	} {
		t.Run(run.name, func(t *testing.T) {
			t.Parallel() // each spends most of its time waiting for the time limits of an end
			o := conformance.Options{Select: run.cases, Patience: 20}
			if testing.Short() { // without what is many connections, frames or octets
				o.Skip = []string{
					"WS-4.1-03", "WS-5.2-04", "WS-5.3-01", "WS-5.4-09", "WS-5.4-10", "WS-5.4-12", "WS-5.5.2-05", "WS-6-03", "WS-8.1-09",
					"WS-10.4-02", "WS-10.7-01", "PD-6-04", "PD-8-02",
				}
			}
			report, err := b.play(t.Context(), run.end, "", run.secure, o)
			if err != nil {
				t.Fatal(err)
			}
			c := report.Counts()
			t.Logf("%d passed, %d failed, %d skipped in %v", c.Passed, c.Failed, c.Skipped, report.Took.Round(time.Millisecond))
			for i := range report.Results {
				r := &report.Results[i]
				switch {
				case r.Verdict == conformance.Failed:
					t.Errorf("%s failed, %s:%d, %s: %s", r.Case.ID, r.Case.File, r.Line, r.Case.Name, r.Reason)
				case r.Verdict == conformance.Skipped && needsTLS(r.Case) && run.end == conformance.ServerActor && !run.secure:
				case r.Verdict == conformance.Skipped && !lacks(r):
					t.Errorf("%s was skipped, %s, %s: %s", r.Case.ID, r.Case.File, r.Case.Name, r.Reason)
				}
			}
		})
	}
}

// lacks reports whether a case was skipped for what this machine does not have: ports
// below 1024, IPv6.
func lacks(r *conformance.Result) bool {
	return r.Verdict == conformance.Skipped && strings.HasPrefix(r.Reason, "nothing can listen")
}

// trial is one case, played with one end that violates what the case is about.
type trial struct {
	c     *conformance.Case
	end   conformance.Actor
	fault string
	group int
}

// trials returns all there are.
func trials(t *testing.T, groups []*conformance.Group) []trial {
	t.Helper()
	var list []trial
	for i, g := range groups {
		for _, item := range g.Items {
			for _, c := range item.Cases {
				fault := c.Mutant
				if fault == "" {
					fault = item.ID
				}
				if !mutant.Known(fault) {
					t.Errorf("%s %s:%d: there is no mutant %s", c.ID, c.File, c.Line, fault)
					continue
				}
				if c.Server {
					list = append(list, trial{c, conformance.ServerActor, fault, i})
				}
				if c.Client {
					list = append(list, trial{c, conformance.ClientActor, fault, i})
				}
			}
		}
	}
	return list
}

// TestMutantIsKilled plays each case against the end that violates what the case is
// about, and no more: a case that passes all the same is worthless.
func TestMutantIsKilled(t *testing.T) {
	groups, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	list := trials(t, groups)
	looked := map[string]bool{}
	for _, x := range list {
		looked[x.fault] = true
	}
	for _, f := range mutant.Faults() {
		if !looked[f.Name] {
			t.Errorf("no case looks for the mutant %s: %s", f.Name, f.What)
		}
	}
	var mu sync.Mutex
	var left []trial
	played, killed := make([]int, len(groups)+1), make([]int, len(groups)+1)
	try := func(x trial, last bool) {
		began := time.Now()
		dead, said := b.kills(t.Context(), x)
		mu.Lock()
		defer mu.Unlock()
		if took := time.Since(began); took > 5*time.Second {
			t.Logf("%s, the %s: %v", x.c.ID, x.end, took.Round(time.Millisecond))
		}
		switch {
		case dead:
			killed[x.group]++
			played[x.group]++
		case said == "":
			t.Logf("%s, the %s: cannot be played here", x.c.ID, x.end)
		case !last:
			left = append(left, x)
		default:
			played[x.group]++
			t.Errorf("%s %s:%d, %s: the %s with the fault %s %s", x.c.ID, x.c.File, x.c.Line, x.c.Name, x.end, x.fault, said)
		}
	}
	var all sync.WaitGroup
	places := make(chan struct{}, 16) // most of them wait
	for i, x := range list {
		if testing.Short() && i%8 != 0 {
			continue
		}
		if slices.ContainsFunc(strings.Split(*mutants, ","), func(p string) bool { return strings.HasPrefix(x.c.ID, p) }) {
			places <- struct{}{}
			all.Go(func() {
				try(x, false)
				<-places
			})
		}
	}
	all.Wait()
	// Some mutants show themselves only in how fast they are, or in how octets were cut
	// on their way: who got away in the crowd is met alone.
	for _, last := range []bool{false, false, true} {
		crowd := left
		left = nil
		for _, x := range crowd {
			try(x, last)
		}
	}
	n := len(groups)
	for i, g := range groups {
		played[n] += played[i]
		killed[n] += killed[i]
		t.Logf("%-8s %4d of %4d mutants killed", g.ID, killed[i], played[i])
	}
	t.Logf("%-8s %4d of %4d mutants killed, of %d kinds", "all", killed[n], played[n], len(mutant.Faults()))
}

// kills reports whether the case finds the fault, and otherwise how the mutant got
// away; nothing is said if the case cannot be played here.
func (b *bench) kills(ctx context.Context, x trial) (dead bool, said string) {
	o := conformance.Options{Select: []string{x.c.ID}, Within: 2 * time.Second}
	if x.c.Timeout > 10*time.Second { // a case that has to wait for long has its deadlines drawn in
		o.Patience, o.Within = 0.4, 5*time.Second
	}
	report, err := b.play(ctx, x.end, x.fault, needsTLS(x.c), o)
	if err != nil {
		return false, err.Error()
	}
	for i := range report.Results {
		r := &report.Results[i]
		switch {
		case r.Case != x.c:
		case r.Verdict == conformance.Failed:
			return true, ""
		case lacks(r):
			return false, ""
		case r.Verdict == conformance.Skipped:
			return false, "has the case skipped: " + r.Reason
		default:
			return false, "passes"
		}
	}
	return false, "was not played"
}
