package websocket

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/openline/openline/websocket/internal/proto"
)

// CloseCode says why a connection was closed (RFC 6455 §7.4).
type CloseCode uint16

// The close codes of RFC 6455 §7.4.1 and of the IANA registry. 3000–3999 are
// for libraries, registered with IANA; 4000–4999 are free for applications.
const (
	CloseNormal             CloseCode = 1000
	CloseGoingAway          CloseCode = 1001
	CloseProtocolError      CloseCode = 1002
	CloseUnsupportedData    CloseCode = 1003
	CloseNoStatus           CloseCode = 1005 // never on the wire: a Close frame without a code
	CloseAbnormal           CloseCode = 1006 // never on the wire: the connection ended without a Close frame
	CloseInvalidPayload     CloseCode = 1007
	ClosePolicyViolation    CloseCode = 1008
	CloseMessageTooBig      CloseCode = 1009
	CloseMandatoryExtension CloseCode = 1010 // for clients only
	CloseInternalError      CloseCode = 1011
	CloseServiceRestart     CloseCode = 1012
	CloseTryAgainLater      CloseCode = 1013
	CloseBadGateway         CloseCode = 1014
)

// String returns the code and its name, such as "1001 going away".
func (c CloseCode) String() string {
	name := map[CloseCode]string{
		CloseNormal: "normal closure", CloseGoingAway: "going away", CloseProtocolError: "protocol error",
		CloseUnsupportedData: "unsupported data", CloseNoStatus: "no status received", CloseAbnormal: "abnormal closure",
		CloseInvalidPayload: "invalid payload data", ClosePolicyViolation: "policy violation", CloseMessageTooBig: "message too big",
		CloseMandatoryExtension: "mandatory extension", CloseInternalError: "internal error", CloseServiceRestart: "service restart",
		CloseTryAgainLater: "try again later", CloseBadGateway: "bad gateway",
	}[c]
	if name == "" {
		return strconv.Itoa(int(c))
	}
	return strconv.Itoa(int(c)) + " " + name
}

// CloseError says how a connection ended. Every method of a [Conn] that has
// ended returns it, and so does [Conn.Err].
type CloseError struct {
	// Code and Reason are those of the peer's Close frame if one came;
	// CloseNoStatus stands for a frame without a code. If this end failed the
	// connection, they are what it sent. CloseAbnormal: there was no Close frame.
	Code   CloseCode
	Reason string
	// Remote tells who closed first: true if the peer's Close frame, or its
	// disappearance, came before anything this end did to close.
	Remote bool
	// Err is the cause, if there is more to say: a violation of the protocol, an
	// error of the network. errors.Is and errors.As see it.
	Err error
}

func (e *CloseError) Error() string {
	who := "by this end"
	if e.Remote {
		who = "by the peer"
	}
	s := fmt.Sprintf("websocket: closed %s: %s", who, e.Code)
	if e.Reason != "" {
		s += fmt.Sprintf(" %q", e.Reason)
	}
	if e.Err != nil && e.Err.Error() != e.Reason {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *CloseError) Unwrap() error { return e.Err }

// clean reports whether both ends closed as RFC 6455 §7.1.4 has it.
func (e *CloseError) clean() bool { return e.Err == nil && e.Code != CloseAbnormal }

// CloseCodeOf returns the close code that err carries, or 0 when err is no
// [CloseError].
func CloseCodeOf(err error) CloseCode {
	if e, ok := errors.AsType[*CloseError](err); ok {
		return e.Code
	}
	return 0
}

// HandshakeError says why a connection did not open. From [Dial] it carries
// what the server answered, if it answered, or the proxy on the way to it; from
// [Accept] what was answered to the client.
type HandshakeError struct {
	Status   int         // the HTTP status; 0 when there was no answer
	Header   http.Header // from Dial: the server's header fields, may be nil; from Limiter.Acquire: those for the answer
	Body     []byte      // from Dial: at most the first 1,024 octets of the server's answer
	Versions []int       // from Dial: the protocol versions that the server says it supports (RFC 6455 §4.4)
	Reason   string      // a sentence; from Accept, it is also the body of the response
	Err      error       // the cause, may be nil

	proxy bool // a proxy has answered, not the server
}

func (e *HandshakeError) Error() string {
	s := "websocket: handshake failed"
	if e.Status != 0 {
		s += fmt.Sprintf(" with HTTP status %d", e.Status)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// ErrQueueFull is what [Conn.TrySend] returns when the peer does not read fast
// enough for what it is sent.
var ErrQueueFull = errors.New("websocket: outbound queue is full")

// closeCode maps an error to the code that tells the peer. It is the only place
// that does.
func closeCode(err error) (CloseCode, string) {
	if v, ok := errors.AsType[*proto.Error](err); ok {
		return CloseCode(v.Code), v.Reason
	}
	return CloseInternalError, ""
}
