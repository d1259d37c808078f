package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/openline/openline"
)

// Values of header fields, shared by all answers; nobody writes to them.
var (
	typeJSON   = []string{"application/json"}
	typeNDJSON = []string{"application/x-ndjson"}
	noStore    = []string{"no-store"}
	noCache    = []string{"no-cache"}
	noSniff    = []string{"nosniff"}
)

// counted is the length of a body up to which net/http finds out the
// Content-Length itself, which costs less than telling it.
const counted = 1 << 10

// setHeader sets the fields of an answer. The names are canonical.
func setHeader(h http.Header, kind, cache []string) {
	h["Content-Type"] = kind
	h["Cache-Control"] = cache
	h["X-Content-Type-Options"] = noSniff
}

// write answers with a body, which is the caller's again.
func write(w http.ResponseWriter, method string, cache []string, body []byte) {
	h := w.Header()
	setHeader(h, typeJSON, cache)
	if len(body) > counted || method == http.MethodHead {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(http.StatusOK)
	if method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone: nobody is left to tell
	}
}

// appendJSON appends v and a line's end.
func appendJSON(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	return append(append(b, text...), '\n'), nil
}

// appendReceipt appends the answer to a publish, which says whether a session has
// acknowledged if that was waited for.
func appendReceipt(b []byte, got openline.Receipt, waited bool) []byte {
	b = appendMembers(append(b, '{'), got)
	if waited {
		b = strconv.AppendBool(append(b, `,"acknowledged":`...), got.Acknowledged)
	}
	return append(b, "}\n"...)
}

// appendMembers appends the members of a receipt, which is one JSON object
// alone and part of another in the answer to a batch.
func appendMembers(b []byte, got openline.Receipt) []byte {
	b = append(b, `"id":`...)
	b = appendString(b, got.ID)
	b = append(b, `,"delivered":`...)
	b = strconv.AppendInt(b, int64(got.Delivered), 10)
	b = append(b, `,"stored":`...)
	b = strconv.AppendBool(b, got.Stored)
	if got.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return b
}

// appendString appends s as a JSON string. An id is letters, digits and
// hyphens, unless a broker has other ideas.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always encodes
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
