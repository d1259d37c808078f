package api

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/openline/openline"
)

// Try makes a call that publishes, and waits for nothing: it is for whoever reads
// requests himself, on an event loop. answer is called once, now or later, maybe by
// one of the hub's shards, with a whole HTTP/1.1 response. Try reports false, and
// has done nothing, for all other calls, and for those that anything is wrong
// with: ServeHTTP is to answer them. It keeps nothing of r and body.
func (a *API) Try(r *http.Request, body []byte, answer func(response []byte)) bool {
	if r.Method != http.MethodPost || int64(len(body)) > a.maxBody {
		return false
	}
	c := calls.Get().(*call)
	defer c.release()
	if a.understand(c, r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header) != nil || c.route.try == nil {
		return false
	}
	p, err := c.publication()
	if err != nil {
		return false
	}
	if p.Data, err = trimBody(body); err != nil {
		return false
	}
	refused := false // which it is at once, or never
	taken := c.route.try(c.name, p, func(got openline.Receipt, err error) {
		if err != nil {
			refused = true
			return
		}
		answer(response(got))
	})
	return taken && !refused
}

// response is the whole response to a call that has published, the same that
// ServeHTTP has net/http write.
func response(got openline.Receipt) []byte {
	var space [256]byte
	body := appendReceipt(space[:0], got, false)
	b := make([]byte, 0, 192+len(body))
	b = append(b, "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nDate: "...)
	b = append(b, date(time.Now())...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// lately is the Date field of the current second.
var lately atomic.Pointer[dated]

type dated struct {
	second int64
	text   string
}

// date returns a time as the Date field has it (RFC 9110 §5.6.7).
func date(t time.Time) string {
	d := lately.Load()
	if d == nil || d.second != t.Unix() {
		d = &dated{t.Unix(), t.UTC().Format(http.TimeFormat)}
		lately.Store(d)
	}
	return d.text
}
