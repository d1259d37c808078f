package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// checkMedia refuses a body that says it is something else than JSON. Types
// that clients send when nobody chose one are let through.
func checkMedia(h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return problem.New(http.StatusUnsupportedMediaType, openline.CodeUnsupported, "The body has the Content-Encoding %q; send it as it is.", clip(coding))
	}
	given := h.Get("Content-Type")
	if given == "" || given == typeJSON[0] {
		return nil
	}
	media, _, err := mime.ParseMediaType(given)
	if err != nil && media == "" {
		return problem.New(http.StatusUnsupportedMediaType, openline.CodeUnsupported, "The Content-Type %q is malformed; it is application/json, or left out.", clip(given))
	}
	switch media {
	case "application/json", "text/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
		"application/x-www-form-urlencoded", // curl -d
		"text/plain",                        // fetch with a string
		"application/octet-stream":          // many a library
		return nil
	}
	if strings.HasSuffix(media, "+json") {
		return nil
	}
	return problem.New(http.StatusUnsupportedMediaType, openline.CodeUnsupported, "The body is %s; send JSON, as application/json.", clip(media))
}

// readBody reads the whole body into the call's buffer, and returns it without
// the white space around it.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, c *call) ([]byte, error) {
	c.in = stallReader{ReadCloser: r.Body, w: w, stall: a.stall}
	var body io.Reader = &c.in
	if r.ContentLength < 0 || r.ContentLength > a.maxBody {
		// Beyond the bound it tells net/http to end the connection.
		body = http.MaxBytesReader(w, &c.in, a.maxBody)
	}
	// What the head claims to come is not made room for before it comes.
	buf := c.buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == nil {
			continue
		}
		c.buf = buf
		c.in.ended(err)
		if err != io.EOF {
			return nil, readError(err)
		}
		return trimBody(buf)
	}
}

// trimBody takes the white space around a body away.
func trimBody(body []byte) ([]byte, error) {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The body is empty; send a JSON value, null if there is nothing to say.")
	}
	return body, nil
}

// readError says what a failed read of a body was.
func readError(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem.New(http.StatusRequestTimeout, openline.CodeBadRequest, "The body did not arrive in time.").With("Connection", "close")
	}
	return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The body could not be read to its end.").With("Connection", "close")
}
