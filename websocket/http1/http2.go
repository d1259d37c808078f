package http1

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// The rules of this file are for requests that came over HTTP/2, whose framing net/http has read. It sees to most of RFC 9113 §8.2 and §8.3: names and values of fields, fields
// about the connection, pseudo-header fields, the length of a body. What it lets pass is judged here as the guard does it.

var (
	errNoAuthority    = bad("no authority", "RFC 9113 §8.3.1", "The request has neither :authority nor a Host field; send :authority")
	errAuthority2     = bad("authority", "RFC 9113 §8.3.1", "The :authority is not host or host:port; send that and nothing else")
	errTwoAuthorities = bad("two authorities", "RFC 9113 §8.3.1", "The Host field is another than :authority; send :authority alone")
	errPathForm       = bad("path form", "RFC 9113 §8.3.1", "The :path does not begin with a slash; send path and query, and nothing before them")
	errPathOctet      = bad("path octet", "RFC 9113 §8.3.1", "The :path holds an octet outside visible ASCII; percent-encode it")
	errLength2        = bad("Content-Length", "RFC 9113 §8.1.1", "Content-Length is not one decimal number that is the length of the body; send exactly one, or none")
)

// judge returns the rule that a request over HTTP/2 breaks, or nil.
func (c *config) judge(r *http.Request) *refusal {
	if why := judgeAuthority(r); why != nil {
		return why
	}
	if c.hosts != nil {
		host, _, _ := hostport([]byte(r.Host))
		if !c.hosts.has(host) {
			// A client takes a connection for several hosts when the certificate names them all, RFC 9113 §9.1.1; after 421 it tries one of its own.
			why := unknownHost(host, c.hostsHint)
			why.status = http.StatusMisdirectedRequest
			return why
		}
	}
	if why := judgePath(r); why != nil {
		return why
	}
	if values := r.Header["Content-Length"]; len(values) > 0 {
		n, err := strconv.ParseUint(values[0], 10, 63)
		if len(values) > 1 || err != nil || int64(n) != r.ContentLength {
			return errLength2
		}
	}
	return nil
}

// judgeAuthority judges what r.Host is made of: :authority, or else the Host field.
func judgeAuthority(r *http.Request) *refusal {
	if r.Host == "" {
		return errNoAuthority
	}
	for _, host := range r.Header["Host"] {
		if !strings.EqualFold(host, r.Host) {
			return errTwoAuthorities
		}
	}
	if _, _, ok := hostport([]byte(r.Host)); !ok {
		return errAuthority2
	}
	return nil
}

func judgePath(r *http.Request) *refusal {
	path := []byte(r.RequestURI)
	h := headScan{connect: r.Method == http.MethodConnect}
	switch {
	case find(path, isLine) >= 0 || strings.Contains(r.RequestURI, " "):
		return errPathOctet
	case !h.connect && path[0] != '/' && r.RequestURI != "*":
		return errPathForm
	}
	return h.target(path, 0, r.Method == http.MethodOptions)
}

// serve2 serves a request over HTTP/2, or refuses it. Nothing is said of the connection, which goes on with other requests.
func (c *config) serve2(w http.ResponseWriter, r *http.Request, next http.Handler) {
	why := c.judge(r)
	if why == nil {
		next.ServeHTTP(w, r)
		return
	}
	attrs := []slog.Attr{
		slog.String("peer", r.RemoteAddr), slog.Int("status", why.status), slog.String("reason", why.code), slog.String("rule", why.rule),
	}
	if why.host != "" {
		attrs = append(attrs, slog.String("host", why.host))
	}
	c.logger.LogAttrs(r.Context(), slog.LevelInfo, "http1: request over HTTP/2 refused", attrs...)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	c.refuse(w, r, why.status, why.reason())
}
