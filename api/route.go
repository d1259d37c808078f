package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// route is one call of the API. It has one of publish, answer and serve; with
// publish it has try, too.
type route struct {
	method  string
	pattern string   // {name} is one segment of the path, {name...} one or more; at most one of them
	query   []string // the query parameters that it takes
	open    bool     // no key needed

	check func(name string) error // of what stands in the path for the name

	// publish hands on what the body publishes. answer returns what is shown
	// as JSON. serve does what these two cannot, with net/http.
	publish func(ctx context.Context, name string, p openline.Publication) (openline.Receipt, error)
	// try is publish without waiting, as openline.Hub.TryPublish has it.
	try func(name string, p openline.Publication, then func(openline.Receipt, error)) bool

	answer func(*call) (any, error)
	serve  func(http.ResponseWriter, *http.Request, *call) error

	prefix, suffix string // of the pattern, around the name
	named, many    bool   // there is a name; it may hold slashes
}

// compile takes the pattern apart, once.
func (r *route) compile() {
	prefix, rest, named := strings.Cut(r.pattern, "{")
	name, suffix, _ := strings.Cut(rest, "}")
	r.prefix, r.suffix, r.named, r.many = prefix, suffix, named, strings.HasSuffix(name, "...")
}

// match reports whether an escaped path is the route's, and what stands in it
// for the name, still escaped.
func (r *route) match(path string) (name string, ok bool) {
	if !r.named {
		return "", path == r.pattern
	}
	if len(path) < len(r.prefix)+len(r.suffix) || !strings.HasPrefix(path, r.prefix) || !strings.HasSuffix(path, r.suffix) {
		return "", false
	}
	name = path[len(r.prefix) : len(path)-len(r.suffix)]
	return name, r.many || strings.IndexByte(name, '/') < 0
}

// find finds the route of a path in its escaped form, and undoes the escapes
// of the name in it, once. HEAD is answered as GET.
func (a *API) find(method, path string) (*route, string, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allow []string
	for i := range a.routes {
		r := &a.routes[i]
		escaped, ok := r.match(path)
		if !ok {
			continue
		}
		if r.method == method {
			name, err := url.PathUnescape(escaped)
			if err != nil {
				return nil, "", problem.New(http.StatusBadRequest, openline.CodeBadName, "The path holds a malformed percent-encoding.")
			}
			return r, name, nil
		}
		allow = append(allow, r.method)
		if r.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	if allow != nil {
		slices.Sort(allow)
		list := strings.Join(slices.Compact(allow), ", ")
		return nil, "", problem.New(http.StatusMethodNotAllowed, "method", "This address takes %s.", list).With("Allow", list)
	}
	return nil, "", problem.New(http.StatusNotFound, "not_found", "There is nothing at this address. GET /api/openapi.json lists what there is.")
}

// parseQuery reads the query of a route: parameters that it knows, each given
// once at most. It is nil if there is none.
func (r *route) parseQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query is malformed: %v.", err)
	}
	for name, values := range query {
		if !slices.Contains(r.query, name) {
			takes := "This call takes none."
			if len(r.query) > 0 {
				takes = "This call takes " + strings.Join(r.query, " and ") + "."
			}
			return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query parameter %q is not known here. %s", clip(name), takes)
		}
		if len(values) > 1 {
			return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query parameter %s is given more than once.", name)
		}
	}
	return query, nil
}

// clip bounds what an answer repeats of a request.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
