package mutant

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// respond writes a response and reports whether the connection stays.
func (s *session) respond(q *request, status int, list fields, body string, last bool) bool {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, f := range list {
		fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
	}
	bare := status < 200 || status == 204 || status == 304
	if s.breaks("HM-6.3-03") {
		bare = false
	}
	if !bare && !s.breaks("WS-4.2-23") {
		fmt.Fprintf(&b, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n", len(body))
	}
	last = last || q != nil && q.last && !s.breaks("HM-9-04")
	if last && !s.breaks("HM-9-04/field") {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	if !bare && (q == nil || q.method != "HEAD" || s.breaks("HM-6.3-03")) {
		b.WriteString(body)
	}
	s.nc.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := s.nc.Write([]byte(b.String())); err != nil {
		return false
	}
	return !last
}

// refused answers with an error. One about what nobody can read on behind ends the
// connection.
func (s *session) refused(q *request, r *refusal) bool {
	list := r.fields
	if r.status == 426 && !s.breaks("WS-4.2-11/fields") && !s.breaks("WS-4.4-01/fields") {
		list = append(fields{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}, list...)
	}
	why := html.EscapeString(r.why)
	if s.breaks("WS-4.2-23/text") {
		why = r.why + s.heard
	}
	if s.breaks("WS-4.2-25") || s.breaks("WS-4.4-01/after") || s.breaks("HM-9-04") {
		r.stay = true
	}
	return s.respond(q, r.status, list, why+"\n", !r.stay)
}

// leave ends the connection in stages, so that the answer is read (RFC 9112 §9.6).
func (s *session) leave() {
	if s.breaks("HM-9-03") {
		reset(s.nc)
		return
	}
	halfClose(s.nc)
	s.nc.SetReadDeadline(time.Now().Add(drainTime))
	p := make([]byte, 32<<10)
	for left := 64 << 20; left > 0; {
		n, err := s.in.Read(p)
		if left -= n; err != nil {
			return
		}
	}
}

// clean reports whether a field's value can be written.
func clean(v string) bool { return !strings.ContainsAny(v, "\r\n\x00") }

func status(s string, usual int) int {
	if n, err := strconv.Atoi(s); err == nil && n >= 200 && n <= 599 {
		return n
	}
	return usual
}
