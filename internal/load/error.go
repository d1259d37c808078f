package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
)

// RefusedError is an answer to a request that is not what was asked for.
type RefusedError struct {
	Status int
	Detail string // what the answer says, shortened
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("load: the server answered %d: %s", e.Status, e.Detail)
}

// refusal makes the error of an answer. Of a problem (RFC 9457) it takes the
// detail.
func refusal(status int, body []byte) *RefusedError {
	var problem struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		return &RefusedError{status, problem.Detail}
	}
	const most = 200
	body = bytes.TrimSpace(body)
	return &RefusedError{status, string(bytes.ToValidUTF8(body[:min(len(body), most)], nil))}
}

// ClosedError is a Close frame that the server sent.
type ClosedError struct {
	Code   int // 1005 if there was none
	Reason string
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("load: the server closed the session with %d %s", e.Code, e.Reason)
}

func closeError(payload []byte) error {
	if len(payload) < 2 {
		return &ClosedError{Code: 1005}
	}
	return &ClosedError{Code: int(payload[0])<<8 | int(payload[1]), Reason: string(payload[2:])}
}

var errEnd = errors.New("the server ended the connection")

// why is an error in words that are the same for all whom it met.
func why(err error) string {
	var refused *RefusedError
	var closed *ClosedError
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("HTTP %d: %s", refused.Status, refused.Detail)
	case errors.As(err, &closed):
		return fmt.Sprintf("closed with %d %s", closed.Code, closed.Reason)
	case errors.Is(err, syscall.EMFILE):
		return "this process may open no more files: raise `ulimit -n`"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no local port is left"
	case errors.Is(err, syscall.ECONNRESET):
		return "the server reset the connection"
	}
	return err.Error()
}
