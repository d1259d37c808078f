package openline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Carrier is what Decode reads: a *Message or a *Request.
type Carrier interface {
	carried() json.RawMessage // JSON, or nothing
}

// Decode returns the data of a message or a request as a T. It is stricter than json.Unmarshal: a field that T does not have is an error, and so is absent data.
// For data that may have more fields than T, call json.Unmarshal with its Data.
//
// The error is an *[Error] with [CodeBadRequest], whose message names the field, its position in the data and what was expected: a hook may return it as it is.
func Decode[T any](c Carrier) (T, error) {
	var v T
	data := c.carried()
	if len(data) == 0 {
		return v, refuse(CodeBadRequest, `the field "data" is missing: expected %s`, typeName[T]())
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		var zero T
		return zero, decodeError(data, err, typeName[T]())
	}
	return v, nil
}

func typeName[T any]() string { return strings.TrimPrefix(fmt.Sprintf("%T", *new(T)), "*") }

func decodeError(data []byte, err error, want string) *Error {
	e := &Error{Code: CodeBadRequest, Err: err}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := "data"
		if t.Field != "" {
			field += "." + t.Field
		}
		at := valueAt(data, int(t.Offset))
		e.Message = fmt.Sprintf("%s at %s must be %s, found %s", field, position(data, at), t.Type, kind(data[at]))
		if strings.HasPrefix(t.Value, "number ") { // the number itself, which does not fit
			e.Message = fmt.Sprintf("%s at %s must be %s, found %s", field, position(data, at), t.Type, t.Value)
		}
		e.Err = nil
		return e
	}
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if name, unquoted := strconv.Unquote(quoted); unquoted == nil {
			place := ""
			if at, once := onlyKey(data, name); once {
				place = " at " + position(data, at)
			}
			e.Message = fmt.Sprintf("data has the field %q%s, which %s does not have", clip(name, maxName), place, want)
			e.Err = nil
			return e
		}
	}
	e.Message = "data is no " + want
	return e
}

// valueAt returns the index of the value in valid JSON that ends at off, or of the bracket that stands there, as json.UnmarshalTypeError means its Offset.
func valueAt(data []byte, off int) int {
	for i := 0; i < len(data); {
		end := i + 1
		switch c := data[i]; {
		case c == '"':
			end, _ = scanString(data, i)
		case c == '-' || isDigit(c) || c == 't' || c == 'f' || c == 'n':
			end, _ = scanValue(data, i, 0)
		}
		if end >= off {
			return i
		}
		i = end
	}
	return 0
}

// onlyKey returns the index of the one key of that name in valid JSON.
func onlyKey(data []byte, name string) (at int, once bool) {
	for i := 0; i < len(data); {
		if data[i] != '"' {
			i++
			continue
		}
		end, _ := scanString(data, i)
		if k := skipSpace(data, end); k < len(data) && data[k] == ':' && unquote(data[i:end]) == name {
			if once {
				return 0, false
			}
			at, once = i, true
		}
		i = end
	}
	return at, once
}
