package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// route is one call of the API.
type route struct {
	method  string
	pattern string   // segments; {name} is one of them, {name...} one or more
	query   []string // the query parameters that it takes
	later   []string // those that it knows, to say that it does not take them
	open    bool     // no key needed
	handle  func(http.ResponseWriter, *call) error
}

// call is one request with what its route made of it.
type call struct {
	*http.Request
	params map[string]string
	query  url.Values
}

// match finds the route of a path in its escaped form. HEAD is answered as GET.
func (a *API) match(method, escaped string) (*route, map[string]string, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allow []string
	for i := range a.routes {
		params, ok, err := matchPath(a.routes[i].pattern, escaped)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if a.routes[i].method == method {
			return &a.routes[i], params, nil
		}
		allow = append(allow, a.routes[i].method)
		if a.routes[i].method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	if allow != nil {
		slices.Sort(allow)
		list := strings.Join(slices.Compact(allow), ", ")
		return nil, nil, problem.New(http.StatusMethodNotAllowed, "method", "This address takes %s.", list).With("Allow", list)
	}
	return nil, nil, problem.New(http.StatusNotFound, "not_found", "There is nothing at this address. GET /api/openapi.json lists what there is.")
}

// matchPath matches an escaped path against a pattern and undoes the escapes
// of what stands for a name, once.
func matchPath(pattern, escaped string) (map[string]string, bool, error) {
	want, got := strings.Split(pattern, "/"), strings.Split(escaped, "/")
	params := make(map[string]string)
	for i, w := range want {
		name, isName := strings.CutPrefix(w, "{")
		name = strings.TrimSuffix(name, "}")
		name, many := strings.CutSuffix(name, "...")
		take := 1
		if many {
			take = len(got) - (len(want) - i - 1)
		}
		if take < 1 || take > len(got) {
			return nil, false, nil
		}
		text := strings.Join(got[:take], "/")
		got = got[take:]
		if !isName {
			if text != w {
				return nil, false, nil
			}
			continue
		}
		value, err := url.PathUnescape(text)
		if err != nil {
			return nil, false, problem.New(http.StatusBadRequest, openline.CodeBadName, "The path holds a malformed percent-encoding.")
		}
		params[name] = value
	}
	return params, len(got) == 0, nil
}

// parseQuery reads the query of a route: parameters that it knows, each given
// once at most.
func (r *route) parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query is malformed: %v.", err)
	}
	for name, values := range query {
		if !slices.Contains(r.query, name) && !slices.Contains(r.later, name) {
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

// reply answers with v as JSON.
func reply(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone: nobody is left to tell
	}
	return nil
}
