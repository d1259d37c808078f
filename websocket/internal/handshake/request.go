package handshake

import (
	"net/http"
	"strings"
)

// Refusal is why an opening request was not accepted, as an HTTP response.
type Refusal struct {
	Status int
	Reason string      // a sentence for the person who wrote the client
	Header http.Header // fields that the status demands, may be nil
}

func (r *Refusal) Error() string { return r.Reason }

func refuse(status int, reason string) *Refusal { return &Refusal{Status: status, Reason: reason} }

// upgradeRequired is the 426 that RFC 9110 §15.5.22 describes, with the version
// list of RFC 6455 §4.4.
func upgradeRequired(reason string) *Refusal {
	return &Refusal{http.StatusUpgradeRequired, reason, http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
	}}
}

// Request is what an acceptable opening request asks for.
type Request struct {
	Key          string
	Subprotocols []string // in the client's order of preference
	Extensions   []Extension
}

// CheckRequest judges an opening request (RFC 6455 §4.2.1). It does not look
// at Origin: that is policy.
func CheckRequest(r *http.Request) (*Request, *Refusal) {
	switch {
	case r.Method != http.MethodGet:
		e := refuse(http.StatusMethodNotAllowed, "A WebSocket is opened with GET (RFC 6455 §4.1).")
		e.Header = http.Header{"Allow": {"GET"}}
		return nil, e
	case !r.ProtoAtLeast(1, 1):
		return nil, upgradeRequired("A WebSocket needs HTTP/1.1 or later (RFC 6455 §4.1).")
	case r.ProtoMajor != 1:
		return nil, refuse(http.StatusBadRequest, "This address opens WebSockets over HTTP/1.1 only (RFC 6455 §4.1): make a connection for it that does not offer h2 in its TLS handshake.")
	case !HasToken(r.Header["Upgrade"], "websocket"):
		return nil, upgradeRequired("This address speaks WebSocket: the request needs the fields Upgrade: websocket and Connection: Upgrade (RFC 6455 §4.1).")
	case !HasToken(r.Header["Connection"], "upgrade"):
		return nil, refuse(http.StatusBadRequest, "The Connection field must list Upgrade (RFC 6455 §4.1). A proxy on the way may have removed it.")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return nil, refuse(http.StatusBadRequest, "An opening request has no body.")
	}
	if e := checkVersion(r.Header["Sec-Websocket-Version"]); e != nil {
		return nil, e
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 || !validKey(trim(keys[0])) {
		return nil, refuse(http.StatusBadRequest, "Sec-WebSocket-Key must stand once and be the base64 text of 16 octets (RFC 6455 §4.1).")
	}
	req := &Request{Key: trim(keys[0])}
	var err error
	if req.Subprotocols, err = parseSubprotocols(r.Header["Sec-Websocket-Protocol"]); err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error()+".")
	}
	if req.Extensions, err = ParseExtensions(r.Header["Sec-Websocket-Extensions"]); err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error()+".")
	}
	return req, nil
}

// checkVersion demands the one version there is (RFC 6455 §4.1, §4.4).
func checkVersion(lines []string) *Refusal {
	if len(lines) == 1 && trim(lines[0]) == "13" {
		return nil
	}
	e := upgradeRequired("Sec-WebSocket-Version must be 13 (RFC 6455 §4.4).")
	if len(lines) != 1 || strings.Trim(trim(lines[0]), "0123456789") != "" {
		e.Status = http.StatusBadRequest
	}
	return e
}
