package openline

import (
	"encoding/base64"
	"time"
	"unicode/utf8"
)

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// appendEnvelope encodes m:
//
//	{"id":…,"cursor":…,"type":…,"ref":…,"channel":…,"from":…,"key":…,"data":…,"time":…,"ack":true}
//
// Empty fields are left out, except type and data, which is then null. Data goes in byte for byte; of a raw message it is a string, in base64 if binary,
// which "encoding":"base64" behind it says.
func appendEnvelope(dst []byte, m *Message) []byte {
	dst = append(dst, '{')
	if m.ID != "" {
		dst = append(dst, `"id":`...)
		dst = appendString(dst, m.ID)
		dst = append(dst, ',')
	}
	if m.Cursor != "" && m.ID != "" { // else it is in the data
		dst = append(dst, `"cursor":`...)
		dst = appendString(dst, m.Cursor)
		dst = append(dst, ',')
	}
	dst = append(dst, `"type":`...)
	if m.Type == "" {
		dst = appendString(dst, DefaultType)
	} else {
		dst = appendString(dst, m.Type)
	}
	if len(m.Ref) > 0 {
		dst = append(dst, `,"ref":`...)
		dst = append(dst, m.Ref...)
	}
	if m.Channel != "" {
		dst = append(dst, `,"channel":`...)
		dst = appendString(dst, m.Channel)
	}
	if m.From != "" {
		dst = append(dst, `,"from":`...)
		dst = appendString(dst, m.From)
	}
	if m.Key != "" {
		dst = append(dst, `,"key":`...)
		dst = appendString(dst, m.Key)
	}
	dst = append(dst, `,"data":`...)
	switch {
	case m.Raw:
		dst = appendRawData(dst, m)
		if m.Binary {
			dst = append(dst, `,"encoding":"base64"`...)
		}
	case len(m.Data) == 0:
		dst = append(dst, "null"...)
	default:
		dst = append(dst, m.Data...)
	}
	if !m.Time.IsZero() {
		dst = append(dst, `,"time":"`...)
		dst = appendTime(dst, m.Time)
		dst = append(dst, '"')
	}
	if m.Ack {
		dst = append(dst, `,"ack":true`...)
	}
	return append(dst, '}')
}

// appendRawData encodes a raw message's payload as a JSON string.
func appendRawData(dst []byte, m *Message) []byte {
	if !m.Binary {
		return appendString(dst, m.Data)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, m.Data)
	return append(dst, '"')
}

func appendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, timeLayout)
}

const hexDigits = "0123456789abcdef"

// appendString encodes s as a JSON string (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD.
func appendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
