package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

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
	if given == "" {
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

// body reads the whole body of c, without the white space around it.
func (a *API) body(w http.ResponseWriter, c *call) ([]byte, error) {
	if err := checkMedia(c.Header); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, &stallReader{c.Body, http.NewResponseController(w), a.stall}, a.maxBody))
	if err != nil {
		return nil, readError(err)
	}
	data = bytes.Trim(data, " \t\r\n")
	if len(data) == 0 {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The body is empty; send a JSON value, null if there is nothing to say.")
	}
	return data, nil
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

// stallReader lets each read take as long as the stall time-out and no longer,
// however long the whole takes.
type stallReader struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
}

func (s *stallReader) Read(p []byte) (int, error) {
	// Where there are no deadlines, as in a recorder, there is no stalling.
	_ = s.control.SetReadDeadline(time.Now().Add(s.stall))
	return s.ReadCloser.Read(p)
}
