package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// lineOverhead is what a line of a batch may have beyond the bytes of its data.
const lineOverhead = 4 << 10

// result is one line of the answer to a batch: a receipt or an error.
type result struct {
	line    int
	receipt openline.Receipt
	err     *lineError
}

// appendTo appends the line.
func (res *result) appendTo(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"line":`...), int64(res.line), 10)
	if res.err == nil {
		return append(appendMembers(append(b, ','), res.receipt), "}\n"...)
	}
	text, err := json.Marshal(res.err)
	if err != nil {
		panic(err) // strings and an int always encode
	}
	b = append(append(b, `,"error":`...), text...)
	return append(b, "}\n"...)
}

// lineError is what a problem says, for one line.
type lineError struct {
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail"`
}

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
	out := newResultWriter(w, control, a.stall)
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
		res := result{line: in.line}
		switch {
		case errors.Is(err, errLongLine):
			err = problem.New(http.StatusRequestEntityTooLarge, openline.CodeTooLarge, "The line is larger than %d bytes, the most that is taken.", in.most)
		case err != nil:
			res.err = a.lineError(r, readError(err))
			_ = out.write(&res) // the last word, if anybody still reads
			abort()
		default:
			res.receipt, err = a.publishLine(c.ctx, data)
		}
		if err != nil {
			res.err = a.lineError(r, err)
		}
		if err := out.write(&res); err != nil {
			abort() // the reader is gone: nobody is left to tell
		}
	}
}

// abort ends the connection with the call, once what is written has left. The
// body has not been read to its end, and what is left of it would be taken for
// the next request: in full duplex net/http does not see to that.
func abort() { panic(http.ErrAbortHandler) }

// lineError turns err into what its line says, and logs what a line does not
// say.
func (a *API) lineError(r *http.Request, err error) *lineError {
	p := problem.Of(err)
	p.Log(a.log, r)
	return &lineError{p.Status, p.Code, p.Detail}
}

// publishLine publishes one line.
func (a *API) publishLine(ctx context.Context, line []byte) (openline.Receipt, error) {
	e, err := parseEntry(line)
	if err != nil {
		return openline.Receipt{}, err
	}
	if int64(len(e.Data)) > a.maxBody {
		return openline.Receipt{}, problem.New(http.StatusRequestEntityTooLarge, openline.CodeTooLarge, "The data is larger than %d bytes, the most that is taken.", a.maxBody)
	}
	p := openline.Publication{Type: e.Type, Key: e.Key, Data: e.Data}
	switch {
	case e.To != nil:
		return a.hub.Send(ctx, *e.To, p)
	case e.Channel != nil:
		return a.publish(ctx, *e.Channel, p)
	}
	return a.broadcast(ctx, "", p)
}

// parseEntry reads one line of a batch.
func parseEntry(line []byte) (*entry, error) {
	var e entry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return nil, entryError(err, len(line))
	}
	if rest := bytes.TrimLeft(line[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadJSON, "There is something behind the JSON object, at byte %d of the line.", len(line)-len(rest))
	}
	if err := checkMembers(line); err != nil {
		return nil, err
	}
	targets := 0
	for _, given := range []bool{e.To != nil, e.Channel != nil, e.All != nil} {
		if given {
			targets++
		}
	}
	if targets != 1 || (e.All != nil && !*e.All) {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, `A line has one target: "to" with a user, "channel" with a channel, or "all" with true.`)
	}
	return &e, nil
}

// members are those of a line.
var members = []string{"to", "channel", "all", "type", "key", "data"}

// checkMembers refuses, in an object that is sound, what encoding/json lets
// through: a name in capitals, and a name given twice.
func checkMembers(object []byte) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return entryError(err, len(object))
	}
	var seen []string
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return entryError(err, len(object))
		}
		name, _ := token.(string)
		switch {
		case !slices.Contains(members, name):
			return entryError(fmt.Errorf("unknown field %q", clip(name)), len(object))
		case slices.Contains(seen, name):
			return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The member %q is given more than once.", name)
		}
		seen = append(seen, name)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return entryError(err, len(object))
		}
	}
	return nil
}

// entryError says what encoding/json found wrong with a line.
func entryError(err error, length int) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		// Offset counts the bytes read, the wrong one among them.
		return problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The line is not JSON at byte %d: %v.", max(syntax.Offset-1, 0), syntax)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The line is not JSON: it ends at byte %d, before the JSON does.", length)
	case errors.As(err, &kind) && kind.Field == "":
		return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The line is a JSON %s; it must be an object.", kind.Value)
	case errors.As(err, &kind):
		return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The member %q, before byte %d of the line, is a JSON %s; it must be a %s.", kind.Field, kind.Offset, kind.Value, kind.Type)
	}
	return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The line is not understood: %s; there is %s.", strings.TrimPrefix(err.Error(), "json: "), strings.Join(members, ", "))
}

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
