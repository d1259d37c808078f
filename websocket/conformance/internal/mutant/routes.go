package mutant

import (
	"errors"
	"os"
	"strings"
	"time"
)

// features are what the server offers besides the echo.
const features = "deflate plain limit subprotocols keepalive timeout do seen post answer routes origin hosts rate connections session insist"

// answer answers a request and reports whether the connection stays.
func (s *session) answer(r *reader, q *request) bool {
	if !serves(q.authority) && q.authority != "" && !s.breaks("HM-3.2-06/host") && !s.breaks("HM-3.2-03/list") {
		return s.refused(q, refuse(421, "the host is not this server's"))
	}
	if q.fields.has("Expect") && q.length != 0 && q.path == "/post" {
		_, _ = s.nc.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	if q.method == "CONNECT" && !s.breaks("WS-4.2-10") {
		return s.refused(q, refuse(405, "this is no proxy", field{"Allow", "GET"}))
	}
	switch q.path {
	case "/echo", s.ln.Addr().String():
		return s.upgrade(r, q)
	case "/answer":
		return s.applicationAnswer(q)
	case "/post":
		return s.post(r, q)
	case "/features":
		return s.ordinary(r, q, features)
	case "/health":
		return s.ordinary(r, q, "ok")
	case "/seen":
		return s.ordinary(r, q, s.seen.wait(readSettings(q.query, s.fault).Get("case")))
	}
	if s.breaks("WS-4.2-17") {
		return s.upgrade(r, q)
	}
	return s.notFound(r, q)
}

// ordinary answers a GET with a text.
func (s *session) ordinary(r *reader, q *request, text string) bool {
	if q.method != "GET" && q.method != "HEAD" {
		return s.refused(q, refuse(405, "this is only read", field{"Allow", "GET, HEAD"}))
	}
	if _, err := r.body(q); err != nil {
		return false
	}
	return s.respond(q, 200, nil, text, false)
}

// notFound answers for a path that is not known. What follows an upgrade that was
// refused, or belongs to a body, is not read.
func (s *session) notFound(r *reader, q *request) bool {
	if (q.length != 0 || q.fields.has("Upgrade")) && !s.breaks("HM-6.3-04") {
		return s.refused(q, refuse(404, "there is nothing at this path"))
	}
	return s.refused(q, &refusal{status: 404, why: "there is nothing at this path", stay: true})
}

// post sends a body back.
func (s *session) post(r *reader, q *request) bool {
	if q.method != "POST" {
		return s.refused(q, refuse(405, "this takes a POST", field{"Allow", "POST"}))
	}
	if s.nc.SetReadDeadline(time.Now().Add(readSettings(q.query, s.fault).handshake)); s.breaks("HM-6.3-02/silence") {
		s.nc.SetReadDeadline(time.Time{})
	}
	body, err := r.body(q)
	var why *refusal
	switch {
	case err == nil:
		stays := s.respond(q, 200, nil, string(body), false)
		if s.breaks("HM-9-01") {
			s.in.Reset(s.nc)
		}
		return stays
	case errors.As(err, &why):
		return s.refused(q, why)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return s.refused(q, refuse(408, "the body has not come in time"))
	}
	return s.refused(q, refuse(400, "the body is not whole"))
}

// applicationAnswer is the answer of an application that opens nothing.
func (s *session) applicationAnswer(q *request) bool {
	set := readSettings(q.query, s.fault)
	var list fields
	if name := set.Get("name"); name != "" {
		value := set.Get("value")
		if (!isToken(name) || !clean(value)) && !s.breaks("HS-5.4-02") {
			return s.refused(q, refuse(500, "the application has set a field that is none"))
		}
		list = append(list, field{name, value})
	}
	code := status(set.Get("status"), 200)
	if s.breaks("WS-4.2-22") {
		code = 500
	}
	return s.respond(q, code, list, strings.ToLower("the application says no\n"), q.fields.has("Upgrade") || q.length != 0)
}
