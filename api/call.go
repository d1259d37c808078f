package api

import (
	"context"
	"net/http"
	"net/url"
	"sync"
)

// call is one request as the API understands it, whatever carried it: its
// route is known, its key is one of ours, its query and the name in its path
// are sound. The body is not part of it.
type call struct {
	ctx    context.Context
	route  *route
	name   string // what stands in the path for the pattern's name
	query  url.Values
	header http.Header

	in  stallReader // the body's
	buf []byte      // for the body, and then for the answer
}

// calls are used again, for their buffers.
var calls = sync.Pool{New: func() any { return &call{buf: make([]byte, 0, 1<<10)} }}

// maxKept is the largest buffer that is kept for the next call.
const maxKept = 64 << 10

func (c *call) release() {
	buf := c.buf[:0]
	if cap(buf) > maxKept {
		return
	}
	*c = call{buf: buf}
	calls.Put(c)
}

// understand makes a call of a request's head. The path is in its escaped
// form, the query as it came.
func (a *API) understand(c *call, method, path, query string, header http.Header) error {
	r, name, err := a.find(method, path)
	if err != nil {
		return err
	}
	if !r.open {
		if err := a.keys.Header(header); err != nil {
			return err
		}
	}
	if c.query, err = r.parseQuery(query); err != nil {
		return err
	}
	if r.check != nil {
		if err := r.check(name); err != nil {
			return err
		}
	}
	c.route, c.name, c.header = r, name, header
	return nil
}
