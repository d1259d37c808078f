package transport

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// What a cursor asks of a session.
type asking int

const (
	next      asking = iota // what comes after the latest answer
	repeat                  // that answer, once more
	elsewhere               // what the session does not have any more
)

// judge says what the request's cursor asks for. mu is held.
func (p *poll) judge(q *request) (asking, error) {
	switch {
	case p.over && forGood(p.code):
		return 0, gone(p.code, p.reason)
	case p.over:
		return elsewhere, nil
	}
	number := p.number
	if q.batch != "" {
		n, err := strconv.ParseUint(q.batch, 10, 64)
		if err != nil {
			return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The cursor is none of this session's: give the latest as it came.")
		}
		number = n
	} else if q.Since != p.place && q.Since == p.base {
		number--
	}
	switch {
	case number == p.number && q.Since == p.place:
		return next, nil
	case number == p.number-1 && q.Since == p.base && p.given != nil:
		return repeat, nil
	case number > p.number || later(q.Since, p.place):
		return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The cursor is of a place that this session has not come to: give the latest as it came.")
	}
	return elsewhere, nil
}

// later reports whether a cursor is of a later place than another, in the same order.
func later(a, b string) bool {
	i, k := strings.LastIndexByte(a, '-'), strings.LastIndexByte(b, '-')
	if i < 0 || k < 0 || a[:i] != b[:k] {
		return false
	}
	x, _ := strconv.ParseUint(a[i+1:], 10, 64) // both are well-formed
	y, _ := strconv.ParseUint(b[k+1:], 10, 64)
	return x > y
}
