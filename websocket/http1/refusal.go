package http1

import (
	"net/http"
	"strconv"
)

// A refusal is a rule that the peer broke. As an error it is what a handler's body read returns.
type refusal struct {
	status int
	code   string // a word for logs and tests
	text   string // what is wrong and what to do, without a full stop
	rule   string // where that is said
	host   string // quoted, of an unknown host
	hint   string // a sentence that comes last
}

func (r *refusal) Error() string { return "http1: " + r.sentence() }

func (r *refusal) sentence() string { return r.text + " (" + r.rule + ")" }

// reason is the text of the answer.
func (r *refusal) reason() string {
	s := r.sentence() + "."
	if r.hint != "" {
		s += " " + r.hint
	}
	return s
}

func bad(code, rule, text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, rule: rule, text: text}
}

func refused(status int, code, rule, text string) *refusal {
	return &refusal{status: status, code: code, rule: rule, text: text}
}

var (
	errTLS       = bad("tls", "RFC 9112 §2", "This port speaks plain HTTP, and a TLS handshake came; use http://, or the server's TLS port")
	errControl   = bad("control octet", "RFC 9110 §5.5", "The header section holds a control octet; only tab, and that in field values, is allowed")
	errBareCR    = bad("bare CR", "RFC 9112 §2.2", "A CR is not followed by LF; end each line with CR LF and send no other CR")
	errBareLF    = bad("bare LF", "RFC 9112 §2.2", "A line ends in LF alone; end each line with CR LF")
	errLineOctet = bad("request line octet", "RFC 9112 §3", "The request line holds an octet outside visible ASCII; percent-encode it")
	errEmpty     = bad("empty lines", "RFC 9112 §2.2", "More than four empty lines precede the request; send none")

	errRequestLine = bad("request line", "RFC 9112 §3", "The request line is not “method target version” with one space between each; write it so")
	errMethod      = bad("method", "RFC 9110 §9.1", "The method is not a token; use one such as GET or POST")
	errVersion     = bad("version", "RFC 9112 §2.3", "The version is not written as HTTP/1.1; write it so, in capitals, with one digit on each side")
	errMajor       = refused(http.StatusHTTPVersionNotSupported, "major version", "RFC 9110 §2.5", "This port speaks HTTP/1.1 only; send the request in that version")
	errURILong     = refused(http.StatusRequestURITooLong, "long target", "RFC 9112 §3", "The request line is longer than this server takes; shorten the target")
	errHeadLong    = refused(http.StatusRequestHeaderFieldsTooLarge, "long header", "RFC 9110 §5.4", "The header section is larger than this server takes; send fewer or shorter fields")
	errFields      = refused(http.StatusRequestHeaderFieldsTooLarge, "many fields", "RFC 9110 §5.4", "The header section has more field lines than this server takes; send at most 1000")
	errSlow        = refused(http.StatusRequestTimeout, "slow header", "RFC 9110 §15.5.9", "The header section did not arrive in time; send it at once")

	errTarget      = bad("target form", "RFC 9112 §3.2", "The target has none of the forms that a request may have; send a path that begins with a slash, or an absolute http or https URI")
	errAsterisk    = bad("asterisk-form", "RFC 9112 §3.2.4", "The target * is for OPTIONS alone; send a path")
	errConnectForm = bad("authority-form", "RFC 9112 §3.2.3", "The target of CONNECT is not host:port; send that and nothing else")
	errFragment    = bad("fragment", "RFC 9112 §3.2", "The target holds a raw #; leave the fragment out, or percent-encode it as %23")
	errEscape      = bad("escape", "RFC 3986 §2.1", "A % in the target is not followed by two hexadecimal digits; write a percent sign as %25")
	errScheme      = bad("scheme", "RFC 9112 §3.2.2", "The target is an absolute URI that is neither http nor https; use one of these, or a path")
	errUserinfo    = bad("userinfo", "RFC 9110 §4.2.4", "The target names a user before its host; leave the user out and send an Authorization field")
	errAuthority   = bad("authority", "RFC 9110 §4.2.1", "The target's host or port is malformed or empty; send host or host:port")
	errStarSwitch  = bad("asterisk upgrade", "RFC 6455 §4.1", "An upgrade of OPTIONS * names no resource; send GET and a path")

	errNoHost    = bad("no Host", "RFC 9112 §3.2", "The request has no Host field; send exactly one")
	errManyHosts = bad("many Hosts", "RFC 9112 §3.2", "The request has more than one Host field; send exactly one")
	errEmptyHost = bad("empty Host", "RFC 9110 §4.2.1", "The Host field is empty; send the host, and the port if it is not the default")
	errHost      = bad("Host", "RFC 9110 §7.2", "The Host field is not host or host:port; send that and nothing else")

	errSpaceFirst = bad("space before first field", "RFC 9112 §2.2", "The line after the request line begins with whitespace; remove it")
	errFold       = bad("folded line", "RFC 9112 §5.2", "A field line is folded over two lines; send it on one")
	errSpaceColon = bad("space before colon", "RFC 9112 §5.1", "There is whitespace between a field's name and its colon; remove it")
	errName       = bad("field name", "RFC 9110 §5.1", "A field's name is not a token; use letters, digits and hyphens")
	errColon      = bad("no colon", "RFC 9112 §5", "A field line has no colon; write “name: value”")

	errLength     = bad("Content-Length", "RFC 9112 §6.3", "Content-Length is not one decimal number; send exactly one")
	errLengthBig  = refused(http.StatusRequestEntityTooLarge, "huge Content-Length", "RFC 9110 §8.6", "Content-Length is beyond what this server can count; send less")
	errBoth       = bad("two framings", "RFC 9112 §6.1", "The request has both Transfer-Encoding and Content-Length; send one of them")
	errCoding10   = bad("coding in HTTP/1.0", "RFC 9112 §6.1", "An HTTP/1.0 request has Transfer-Encoding; use HTTP/1.1 or Content-Length")
	errCoding     = bad("Transfer-Encoding", "RFC 9112 §6.1", "Transfer-Encoding is malformed; send “chunked” alone")
	errNotLast    = bad("chunked not last", "RFC 9112 §6.3", "The last transfer coding is not chunked; send “chunked” alone")
	errCodings    = refused(http.StatusNotImplemented, "coding", "RFC 9112 §6.1", "This server knows no transfer coding but chunked; send “chunked” alone, and name compression in Content-Encoding")
	errTrailer    = bad("Trailer", "RFC 9110 §6.5.1", "The Trailer field announces one that frames the message; leave it out")
	errConnectLen = bad("CONNECT with content", "RFC 9110 §9.3.6", "A CONNECT request declares content; send none")

	errChunkSize     = bad("chunk size", "RFC 9112 §7.1", "A chunk's size is not a hexadecimal number; send the digits alone, then CR LF")
	errChunkBig      = refused(http.StatusRequestEntityTooLarge, "huge chunk", "RFC 9112 §7.1", "A chunk's size is beyond what this server can count; send smaller chunks")
	errChunkLine     = bad("chunk line", "RFC 9112 §7.1.1", "A chunk's size line is longer than 1 KiB or malformed; send no extensions")
	errChunkEnd      = bad("chunk end", "RFC 9112 §7.1", "A chunk's data is not followed by CR LF; check the size that was sent before it")
	errChunkOverhead = refused(http.StatusRequestEntityTooLarge, "chunk overhead", "RFC 9112 §7.1.1", "The chunked body is mostly framing; send larger chunks without extensions")
	errTrailers      = bad("trailer section", "RFC 9112 §7.1.2", "The trailer section is malformed; send field lines as in a header section, or none")
	errTrailersLong  = refused(http.StatusRequestHeaderFieldsTooLarge, "long trailers", "RFC 9112 §7.1.2", "The trailer section is longer than 4000 octets; send fewer or shorter fields")
)

// octetRefusal says what is wrong with c in a header section.
func octetRefusal(c byte, first, requestLine bool) *refusal {
	switch {
	case first && c == 0x16: // the content type of a TLS handshake record
		return errTLS
	case c == '\r':
		return errBareCR
	case requestLine:
		return errLineOctet
	}
	return errControl
}

// unknownHost is the refusal of a host that is well-formed, so that it holds no control octet and nothing above ASCII.
func unknownHost(host []byte, hint string) *refusal {
	if len(host) > 80 {
		host = append(host[:80:80], "..."...)
	}
	q := strconv.QuoteToASCII(string(host))
	return &refusal{
		status: http.StatusBadRequest, code: "unknown host", rule: "RFC 9110 §7.4", host: q, hint: hint,
		text: "This server does not answer for the host " + q,
	}
}
