package http1

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Rules are [Options] for a program that reads connections itself, and does without net/http. They may be shared.
type Rules struct{ cfg *config }

// NewRules looks the options up; nil is valid. The error names a malformed entry of Hosts.
func NewRules(o *Options) (*Rules, error) {
	cfg, err := o.resolve()
	if err != nil {
		return nil, err
	}
	return &Rules{cfg}, nil
}

// HeaderTimeout is how long a header section may take from its first octet on, or from the accept; 0: for ever.
func (r *Rules) HeaderTimeout() time.Duration { return r.cfg.headTimeout }

// Head judges the header section of one request, as [Serve] does. [Rules.Head] makes one.
type Head struct {
	cfg *config
	s   scanner
}

// Head returns a Head for a request of which nothing has come yet.
func (r *Rules) Head() Head { return Head{cfg: r.cfg, s: scanner{cfg: r.cfg}} }

// Scan judges b, all that has come so far: what earlier calls got, and what has arrived since. Once the section is whole,
// b[from:to] is the request line and the fields with the empty line behind them; before, to is 0. It reports false at the first octet that
// breaks a rule; [Head.Refuse] answers then.
func (h *Head) Scan(b []byte) (from, to int, ok bool) {
	n, done := h.s.scanHead(b)
	if !done {
		return 0, 0, h.s.refused == nil
	}
	return h.s.head.skip, n, true
}

// Slow refuses a request that has not come within HeaderTimeout.
func (h *Head) Slow() { h.s.refuse(errSlow) }

// Refuse answers a request that Scan or Slow has refused, with the options' Refuse, and logs a line. The connection is to be closed then, in stages.
func (h *Head) Refuse(w http.ResponseWriter, peer string) {
	why := h.s.refused
	attrs := []slog.Attr{slog.String("peer", peer), slog.Int("status", why.status), slog.String("reason", why.code), slog.String("rule", why.rule)}
	if why.host != "" {
		attrs = append(attrs, slog.String("host", why.host))
	}
	h.cfg.logger.LogAttrs(context.Background(), slog.LevelInfo, "http1: request refused", attrs...)
	method := http.MethodGet
	if h.s.head.isHEAD {
		method = http.MethodHead
	}
	r, err := http.NewRequest(method, "http://guard.invalid/", nil)
	if err != nil {
		panic(err) // it is always the same
	}
	r.RemoteAddr = peer
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Connection", "close")
	h.cfg.refuse(w, r, why.status, why.reason())
}
