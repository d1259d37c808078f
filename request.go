package openline

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/openline/openline/internal/spell"
)

// A Request is an envelope from a client whose type is the application's own. Its slices are valid until OnMessage returns: copy what is kept longer.
type Request struct {
	Type    string          // not one of Openline's, and not sys:
	Ref     json.RawMessage // a JSON string or number that the replies echo, or nil
	Channel string          // the fields as the client gave them, unchecked; "" if absent
	To      string
	Event   string
	Key     string
	Once    string
	Data    json.RawMessage // valid JSON, or nil if absent
	Bytes   []byte          // the whole envelope as it came, for fields that only the application knows

	session *Session
	asker   func(*Message) // gets the answers instead of the line; nil: the line does
	later   *Message       // an answer for asker
	replied bool
	since   string // a cursor, or ""
	limit   int    // 0: not given
	id      string // of ack
	unknown *Error // the first field that no request of Openline's has
}

// Reply answers the request with sys:ok, whose data is v in JSON. It may be called once or, for more answers to one ref, again.
func (r *Request) Reply(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return &Error{Code: CodeInternal, Message: "the reply cannot be encoded", Err: err}
	}
	r.replied = true
	if r.session.ended() {
		return ErrSessionClosed
	}
	r.ok(data)
	return nil
}

func (r *Request) carried() json.RawMessage { return r.Data }

// The types of request that Openline answers itself, in the order in which errors list them.
var requestTypes = []string{"subscribe", "unsubscribe", "publish", "send", "presence", "history", "ack", "ping"}

// requestFields are the fields that Openline's requests may have.
var requestFields = []string{"type", "ref", "channel", "to", "event", "key", "once", "data", "since", "limit", "id"}

// maxRef bounds a ref, which is echoed.
const maxRef = 256

// parseRequest reads one envelope. After an error r.Ref is set if the text is JSON and has a ref, so that the refusal can echo it.
func parseRequest(r *Request, b []byte) *Error {
	if e := checkUTF8(b); e != nil {
		return e
	}
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return badJSON(b, i, `an envelope, which is an object and begins with "{"`)
	}
	var (
		first *Error // the first fault that is not one of syntax
		seen  uint   // bit k: requestFields[k]
		want  string
		last  bool
	)
	note := func(e *Error) {
		if first == nil {
			first = e
		}
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		i, last = i+1, true
	}
	for begin := true; !last; begin = false {
		at := i
		if i, want = scanKey(b, i, begin); want != "" {
			return badJSON(b, i, want)
		}
		name := keyName(b[at:i])
		start := skipSpace(b, i)
		if i, want = scanValue(b, start, 1); want != "" {
			return badJSON(b, i, want)
		}
		if k := fieldIndex(name); k < 0 {
			if r.unknown == nil {
				r.unknown = refuse(CodeBadRequest, "unknown field %q at %s%s", clip(string(name), maxName), position(b, at), nearest(string(name), requestFields))
			}
		} else if seen&(1<<k) != 0 {
			note(refuse(CodeBadRequest, "the field %q is there twice, again at %s: write it once", name, position(b, at)))
		} else {
			seen |= 1 << k
			if e := r.set(requestFields[k], b, start, i); e != nil {
				note(e)
			}
		}
		if i, last, want = scanNext(b, i, '}'); want != "" {
			return badJSON(b, i, want)
		}
	}
	if i = skipSpace(b, i); i < len(b) {
		return badJSON(b, i, "nothing after the envelope: send one in each message")
	}
	if first == nil && r.Type == "" {
		return refuse(CodeBadRequest, `the field "type" is missing: it is one of %s, or the application's own`, strings.Join(requestTypes, ", "))
	}
	r.Bytes = b
	return first
}

// set takes b[start:end], a valid value, as the field.
func (r *Request) set(field string, b []byte, start, end int) *Error {
	value := b[start:end]
	switch field {
	case "data":
		r.Data = value
		return nil
	case "ref":
		if value[0] != '"' && value[0] != '-' && !isDigit(value[0]) {
			return wrongType(field, b, start, "a string or a number")
		}
		if len(value) > maxRef {
			return refuse(CodeBadRequest, `"ref" has %d bytes: at most %d are echoed`, len(value), maxRef)
		}
		r.Ref = value
		return nil
	}
	if value[0] == 'n' && field != "type" {
		return nil // null: as if it were not there
	}
	if field == "limit" {
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 1 {
			return refuse(CodeBadRequest, `"limit" at %s is not a number of messages, 1 or more`, position(b, start))
		}
		r.limit = n
		return nil
	}
	if value[0] != '"' {
		return wrongType(field, b, start, "a string")
	}
	s := unquote(value)
	switch field {
	case "type":
		r.Type = s
		if s == "" {
			return refuse(CodeBadRequest, `"type" at %s is empty`, position(b, start))
		}
	case "channel":
		r.Channel = s
	case "to":
		r.To = s
	case "event":
		r.Event = s
	case "key":
		r.Key = s
	case "once":
		r.Once = s
	case "id":
		r.id = s
	case "since":
		r.since = s
		if _, _, e := parseCursor(s); e != nil {
			return e
		}
	}
	return nil
}

func wrongType(field string, b []byte, at int, want string) *Error {
	return refuse(CodeBadRequest, "%q at %s must be %s, found %s", field, position(b, at), want, kind(b[at]))
}

// kind names the type of the JSON value that begins with c.
func kind(c byte) string {
	switch c {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// keyName returns the name in a key that scanKey has walked over, from its quote to its colon.
func keyName(b []byte) []byte {
	end, _ := scanString(b, 0)
	name := b[1 : end-1]
	if slices.Contains(name, '\\') {
		return []byte(unquote(b[:end]))
	}
	return name
}

// unquote returns what a valid JSON string says.
func unquote(b []byte) string {
	inner := b[1 : len(b)-1]
	if !slices.Contains(inner, '\\') {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(b, &s) // cannot fail: b is a valid string
	return s
}

func fieldIndex(name []byte) int {
	for k, f := range requestFields {
		if string(name) == f {
			return k
		}
	}
	return -1
}

// nearest returns a hint at the known word that was probably meant, else a list of them all.
func nearest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := spell.Distance(clip(word, 2*maxName), k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best != "" {
		return ": is it " + best + "?"
	}
	return ": known are " + strings.Join(known, ", ")
}
