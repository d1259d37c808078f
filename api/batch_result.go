package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// result is what becomes of one line of a batch: a receipt or an error.
type result struct {
	line int
	done chan struct{} // closed when the rest is set
	got  openline.Receipt
	err  error
}

func newResult(line int) *result { return &result{line: line, done: make(chan struct{})} }

// set is called once, on any goroutine. It does not wait.
func (res *result) set(got openline.Receipt, err error) {
	res.got, res.err = got, err
	close(res.done)
}

func (res *result) isSet() bool {
	select {
	case <-res.done:
		return true
	default:
		return false
	}
}

// lineError is what a problem says, for one line.
type lineError struct {
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail"`
}

const (
	maxPending = 128      // lines on their way at the same time
	maxText    = 16 << 10 // bytes of results that are handed over at once
)

// resultQueue waits for the results of lines in the order of the lines, and has
// them written.
type resultQueue struct {
	a     *API
	r     *http.Request
	out   *resultWriter
	queue chan *result
	gone  chan struct{} // closed when nobody reads the answer any more
	done  chan struct{} // closed when the goroutine has ended
}

func (a *API) newResultQueue(r *http.Request, out *resultWriter) *resultQueue {
	q := &resultQueue{
		a: a, r: r, out: out,
		queue: make(chan *result, maxPending), gone: make(chan struct{}), done: make(chan struct{}),
	}
	go q.run()
	return q
}

// add takes the result of the next line, which need not be set yet. It reports
// false if nobody reads the answer any more.
func (q *resultQueue) add(res *result) bool {
	select {
	case q.queue <- res:
		return true
	case <-q.gone:
		return false
	}
}

// close waits until everything is written, or cannot be.
func (q *resultQueue) close() {
	close(q.queue)
	<-q.done
	q.out.close()
}

func (q *resultQueue) run() {
	defer close(q.done)
	defer close(q.gone)
	var text []byte
	for res := range q.queue {
		if !res.isSet() {
			if q.out.write(text) != nil {
				return
			}
			text = text[:0]
			q.wait(res)
		}
		text = q.appendLine(text, res)
		if len(q.queue) == 0 || len(text) > maxText {
			if q.out.write(text) != nil {
				return
			}
			text = text[:0]
		}
	}
}

// wait waits for a result, or for the end of the call.
func (q *resultQueue) wait(res *result) {
	select {
	case <-res.done:
	case <-q.r.Context().Done():
	}
}

// appendLine appends the line of the answer.
func (q *resultQueue) appendLine(b []byte, res *result) []byte {
	b = strconv.AppendInt(append(b, `{"line":`...), int64(res.line), 10)
	err := context.Cause(q.r.Context())
	if res.isSet() {
		err = res.err
	}
	if err == nil {
		return append(appendMembers(append(b, ','), res.got), "}\n"...)
	}
	p := problem.Of(err)
	p.Log(q.a.log, q.r) // which has what a line does not say
	text, err := json.Marshal(&lineError{p.Status, p.Code, p.Detail})
	if err != nil {
		panic(err) // strings and an int always encode
	}
	b = append(append(b, `,"error":`...), text...)
	return append(b, "}\n"...)
}
