package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// lineOverhead is what a line of a batch may have beyond the bytes of its data.
const lineOverhead = 4 << 10

// batch publishes each line of the body as it comes and answers each with a
// line of its own, in order. A line that is refused does not stop the next.
func (a *API) batch(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := checkMedia(c.header); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	// Without it, net/http would read the whole body before the first result.
	if err := control.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("api: batch: %w", err)
	}
	in := &lineReader{
		r:    bufio.NewReaderSize(&stallReader{ReadCloser: r.Body, w: w, stall: a.stall}, 32<<10),
		most: int(min(a.maxBody, math.MaxInt-lineOverhead)) + lineOverhead,
	}
	setHeader(w.Header(), typeNDJSON, noStore)
	out := a.newResultQueue(r, newResultWriter(w, control, a.stall))
	defer out.close()
	for {
		line, err := in.next()
		if err == io.EOF {
			return nil
		}
		data := bytes.Trim(line, " \t\r\n")
		if err == nil && len(data) == 0 {
			continue // an empty line, as the last one may be
		}
		res := newResult(in.line)
		switch {
		case errors.Is(err, errLongLine):
			res.set(openline.Receipt{}, problem.New(http.StatusRequestEntityTooLarge, openline.CodeTooLarge, "The line is larger than %d bytes, the most that is taken.", in.most))
		case err != nil:
			res.set(openline.Receipt{}, readError(err))
			out.add(res) // the last word, if anybody still reads
			abort()
		default:
			a.publishLine(c.ctx, data, res)
		}
		if !out.add(res) {
			abort() // the reader is gone: nobody is left to tell
		}
	}
}

// abort ends the connection with the call, once what is written has left. The
// body has not been read to its end, and what is left of it would be taken for
// the next request: in full duplex net/http does not see to that.
func abort() { panic(http.ErrAbortHandler) }

var errLongLine = errors.New("api: line too long")

// lineReader reads lines of bounded length.
type lineReader struct {
	r    *bufio.Reader
	most int
	line int // the number of the line that next returned, from 1
	buf  []byte
}

// next returns the next line, valid until the call after; io.EOF at the end;
// or errLongLine, behind which the reader goes on with the line after.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if !long && len(l.buf)+len(part) > l.most {
			long, l.buf = true, l.buf[:0]
		}
		if !long {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && len(l.buf) == 0 && !long:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			l.line++
			return nil, err
		}
		l.line++
		if long {
			return nil, errLongLine
		}
		return l.buf, nil
	}
}
