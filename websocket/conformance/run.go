package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are the settings of a run. nil is the same as the zero value.
type Options struct {
	// Strict plays every level and tolerates nothing; otherwise only what is a MUST
	// is played, and what the standards leave room for is tolerated.
	Strict bool
	// Select has the cases to play: ids of cases, items or groups, or sections such
	// as "RFC 6455 §5.4"; what begins like one of them is meant too, up to a dot or a
	// dash or a slash. Empty: all.
	Select []string
	// Skip has cases that are left out, named the same way.
	Skip []string
	// Levels are those that are played. Empty: MUST, in strict mode all.
	Levels []Level
	// Features are what the end under test offers besides the echo, "all" for
	// everything; see [Features]. nil: a server is asked for /features, a client
	// offers none.
	Features []string
	// Parallel is how many cases are played at once. Default 8.
	Parallel int
	// Timeout is how long a case may take that has no time of its own. Default 10 s.
	Timeout time.Duration
	// Within is how long what a case expects may take to come, unless it says
	// otherwise. Default 5 s.
	Within time.Duration
	// Patience multiplies every deadline, for slow machines. Default 1.
	Patience float64
	// Driver is written into the report.
	Driver string
	// Listen is the host at whose ports a client finds the cases. Default 127.0.0.1.
	Listen string
	// RootCAs are whom a server's certificate is trusted by. nil: the system's.
	RootCAs *x509.CertPool
	// CAFile is a file that Client writes before the first case: the certificate, as
	// PEM, of who signs those of the suite's servers. Empty: none is written, and
	// cases over TLS are skipped.
	CAFile string
	// Each is called with each result as it comes, one call at a time.
	Each func(*Result)
}

// run is one pass over the cases.
type run struct {
	o        Options
	actor    Actor
	within   time.Duration
	features []string
	server   *url.URL
	client   *clientRun
}

// patient stretches a deadline.
func (r *run) patient(d time.Duration) time.Duration {
	if r.o.Patience > 0 {
		return time.Duration(float64(d) * r.o.Patience)
	}
	return d
}

func newRun(o *Options, actor Actor) *run {
	r := &run{actor: actor}
	if o != nil {
		r.o = *o
	}
	if r.o.Parallel <= 0 {
		r.o.Parallel = 8
	}
	if r.o.Timeout <= 0 {
		r.o.Timeout = 10 * time.Second
	}
	if r.within = r.o.Within; r.within <= 0 {
		r.within = 5 * time.Second
	}
	if r.o.Listen == "" {
		r.o.Listen = "127.0.0.1"
	}
	if len(r.o.Levels) == 0 {
		r.o.Levels = []Level{Must}
		if r.o.Strict {
			r.o.Levels = []Level{Must, Should, Hardening}
		}
	}
	r.features = r.o.Features
	return r
}

// Server plays the client against the server whose echo is at rawURL (ws or
// wss). The error says why no case could be played; what cases found is in the
// report.
func Server(ctx context.Context, rawURL string, o *Options) (*Report, error) {
	r := newRun(o, ServerActor)
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return nil, fmt.Errorf("conformance: %q is no address of an echo; it is written ws://HOST:PORT/PATH", rawURL)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	r.server = u
	if r.features == nil {
		if r.features, err = r.askFeatures(ctx); err != nil {
			return nil, err
		}
	}
	return r.play(ctx, rawURL)
}

// get asks the server under test for another of its paths. The status is 0 if no
// answer came.
func (r *run) get(ctx context.Context, path string) (status int, body string, err error) {
	u := *r.server
	u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	ref, err := u.Parse(path)
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref.String(), nil)
	if err != nil {
		return 0, "", err
	}
	t := &http.Transport{TLSClientConfig: r.tlsConfig(), DisableKeepAlives: true}
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, string(b), err
}

func (r *run) askFeatures(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patient(10*time.Second))
	defer cancel()
	connected := false
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	status, body, err := r.get(httptrace.WithClientTrace(ctx, trace), "/features")
	if err != nil && !connected {
		return nil, fmt.Errorf("conformance: the server cannot be reached: %w", err)
	}
	var list []string // a server that knows no request but upgrades offers nothing else
	for word := range strings.FieldsSeq(body) {
		if status == http.StatusOK && slices.Contains(features, word) {
			list = append(list, word)
		}
	}
	return list, nil
}

// play plays the selected cases.
func (r *run) play(ctx context.Context, target string) (*Report, error) {
	cases, err := r.selected()
	if err != nil {
		return nil, err
	}
	report := &Report{Target: target, Actor: r.actor, Driver: r.o.Driver, Strict: r.o.Strict, Started: time.Now(), Results: make([]Result, len(cases))}
	var wg sync.WaitGroup
	var mu sync.Mutex
	places := make(chan struct{}, r.o.Parallel)
	for _, i := range longestFirst(cases) {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			report.Results[i] = r.one(ctx, cases[i])
			if r.o.Each != nil {
				mu.Lock()
				defer mu.Unlock()
				r.o.Each(&report.Results[i])
			}
		})
	}
	wg.Wait()
	report.Took = time.Since(report.Started)
	return report, ctx.Err()
}

// longestFirst orders cases so that those that wait for a time limit do so while
// others are played.
func longestFirst(cases []*Case) []int {
	order := make([]int, len(cases))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(cases[j].Timeout, cases[i].Timeout) })
	return order
}

// selected returns the cases to play.
func (r *run) selected() ([]*Case, error) {
	groups, err := Cases()
	if err != nil {
		return nil, err
	}
	var list []*Case
	for _, g := range groups {
		for _, i := range g.Items {
			for _, c := range i.Cases {
				if (r.actor == ServerActor && c.Server || r.actor == ClientActor && c.Client) &&
					slices.Contains(r.o.Levels, c.Level) &&
					(len(r.o.Select) == 0 || slices.ContainsFunc(r.o.Select, c.Is)) && !slices.ContainsFunc(r.o.Skip, c.Is) {
					list = append(list, c)
				}
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("conformance: no case is selected; look at the ids, levels and ends that were asked for")
	}
	return list, nil
}

// Is reports whether a name means the case, as in Options.Select.
func (c *Case) Is(name string) bool {
	for _, own := range []string{c.ID, c.Item.Section} {
		if rest, ok := strings.CutPrefix(own, name); ok && name != "" && (rest == "" || strings.IndexByte("-./ ", rest[0]) >= 0) {
			return true
		}
	}
	return c.Item.Group.ID == name || c.Item.ID == name
}

// offers reports whether the end under test has a feature.
func (r *run) offers(feature string) bool {
	if feature == "tls" && r.actor == ServerActor {
		return r.server.Scheme == "wss"
	}
	if feature == "tls" && r.o.CAFile == "" {
		return false // it would not know whom to trust
	}
	return slices.Contains(r.features, "all") || slices.Contains(r.features, feature)
}

// one plays one case.
func (r *run) one(ctx context.Context, c *Case) Result {
	res := Result{Case: c, Actor: r.actor, Verdict: Skipped}
	for _, f := range c.needs(r.actor) {
		if !r.offers(f) {
			res.Reason = "the " + r.actor.String() + " does not offer " + f
			return res
		}
	}
	if ctx.Err() != nil {
		res.Reason = "the run was ended"
		return res
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = r.o.Timeout
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, r.patient(timeout))
	defer cancel()
	p := &play{ctx: ctx, c: c, actor: r.actor, run: r, rec: &recorder{started: time.Now()}, token: rand.Text()}
	var err error
	if r.actor == ServerActor {
		p.url = r.caseURL(p)
	} else if err = p.startClient(); err == nil {
		defer p.client.stop()
	}
	stop := context.AfterFunc(ctx, p.closeAll) // so that the case always ends
	if err == nil {
		res.Line, err = p.steps()
	}
	stop()
	p.closeAll()
	res.Took = time.Since(p.rec.started)
	res.Exchange = p.rec.list()
	res.Remark = p.remark
	var skip skipped
	switch {
	case err == nil || err == errDone:
		res.Verdict = Passed
	case whole.Err() != nil:
		res.Reason, res.Line = "the run was ended", 0
	case errors.As(err, &skip):
		res.Reason, res.Line = skip.why, 0
	default:
		res.Verdict, res.Reason = Failed, err.Error()
		if ctx.Err() != nil {
			res.Reason += fmt.Sprintf(" (the case may take %v)", timeout)
		}
	}
	return res
}

func (p *play) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for _, w := range p.wires {
		w.drop()
		w.close()
	}
}

// query adds a case's settings to a query.
func (p *play) query(q string) string {
	add := func(name, value string) {
		if q != "" {
			q += "&"
		}
		q += name + "=" + url.QueryEscape(value)
	}
	for _, k := range p.c.knobs(p.actor) {
		add(k.Name, p.expand(k.Value))
	}
	if p.c.known() {
		if p.actor == ServerActor {
			add("case", p.token)
		} else {
			add("seen", "1")
		}
	}
	return q
}

// known reports whether the end under test has to know the case again.
func (c *Case) known() bool {
	return slices.ContainsFunc(c.Needs, func(f string) bool { return f == "seen" || f == "refusal" }) ||
		slices.ContainsFunc(c.Knobs, func(k Knob) bool { return k.Name == "connections" || k == Knob{"do", "shutdown"} })
}

// caseURL is the server's URL with the settings of the case.
func (r *run) caseURL(p *play) *url.URL {
	u := *r.server
	u.RawQuery = p.query(u.RawQuery)
	return &u
}
