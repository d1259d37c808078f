package http1

import (
	"bytes"
	"math"
)

const (
	maxEmptyLines = 4
	maxFields     = 1000
)

// headScan is how far the scanner is in a header section. Places are offsets from the section's first octet, empty lines before it included.
type headScan struct {
	skip  int // length of the empty lines ahead of the request line
	at    int // where the current line begins
	seen  int // octets before it are known to be allowed
	empty int // empty lines ahead of the request line

	lines       int  // complete ones
	http10      bool // version
	isHEAD      bool
	connect     bool
	asterisk    bool
	absolute    bool // the target has an authority: targetHost counts, not the Host field
	hosts       int
	targetHost  span // without port
	host        span
	upgrade     bool // names websocket, or carries a Sec-WebSocket-Key
	lengths     int
	length      int64
	codingLines int
	codings     int  // transfer codings named
	chunks      int  // how many of them are chunked
	chunkedLast bool // the last one is
	codingBad   bool
	badTrailer  bool
}

type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to] }

// scanHead goes on in the header section that begins at b[0]; each call gets at least what the one before got. It returns the section's
// length once it is whole, and refuses it at the first octet that no valid continuation can mend.
func (s *scanner) scanHead(b []byte) (n int, done bool) {
	h := &s.head
	for {
		limit := min(len(b), h.skip+s.cfg.maxHead)
		end, complete := limit, false
		if i := bytes.IndexByte(b[h.seen:limit], '\n'); i >= 0 {
			end, complete = h.seen+i, true
		}
		allowed := uint8(isValue)
		if h.lines == 0 {
			allowed = isLine
		}
		bad := find(b[h.seen:end], allowed)
		switch {
		case bad >= 0 && (b[h.seen+bad] != '\r' || h.seen+bad != end-1):
			s.refuse(octetRefusal(b[h.seen+bad], h.seen+bad == 0, h.lines == 0))
			return 0, false
		case complete && bad < 0:
			s.refuse(errBareLF)
			return 0, false
		case !complete:
			h.seen = end
			if bad >= 0 {
				h.seen-- // the CR is to be looked at again, with what follows it
			}
			if len(b) >= h.skip+s.cfg.maxHead {
				if h.lines == 0 {
					s.refuse(errURILong)
				} else {
					s.refuse(errHeadLong)
				}
			}
			return 0, false
		}
		from, to := h.at, end-1
		h.at = end + 1
		h.seen = h.at
		var why *refusal
		switch {
		case h.lines == 0 && from == to:
			h.skip = h.at
			if h.empty++; h.empty > maxEmptyLines {
				why = errEmpty
			}
		case h.lines == 0:
			h.lines++
			why = h.requestLine(b, from, to)
		case from == to:
			if why = h.finish(b, s.cfg); why == nil {
				return h.at, true
			}
		default:
			if h.lines++; h.lines > 1+maxFields {
				why = errFields
			} else {
				why = h.field(b, from, to)
			}
		}
		if why != nil {
			s.refuse(why)
			return 0, false
		}
	}
}

// field judges one field line, RFC 9112 §5. Its octets are known to be allowed in a value.
func (h *headScan) field(b []byte, from, to int) *refusal {
	line := b[from:to]
	i := 0
	for i < len(line) && class[line[i]]&isToken != 0 {
		i++
	}
	switch {
	case i == 0 && (line[0] == ' ' || line[0] == '\t'):
		if h.lines == 2 {
			return errSpaceFirst
		}
		return errFold
	case i == len(line):
		return errColon
	case i == 0:
		return errName
	case line[i] != ':':
		if rest := trim(line[i:]); len(rest) > 0 && rest[0] == ':' {
			return errSpaceColon
		}
		return errName
	}
	name, value := line[:i], trim(line[i+1:])
	switch len(name) {
	case len("host"):
		if folds(name, "host") {
			if h.hosts++; h.hosts > 1 {
				return errManyHosts
			}
			if len(value) == 0 {
				return errEmptyHost
			}
			host, _, ok := hostport(value)
			if !ok {
				return errHost
			}
			start := from + i + 1 + bytes.Index(line[i+1:], value)
			h.host = span{start, start + len(host)}
		}
	case len("upgrade"):
		if folds(name, "upgrade") {
			h.upgrade = h.upgrade || namesWebSocket(value)
		} else if folds(name, "trailer") {
			h.badTrailer = h.badTrailer || announcesFraming(value)
		}
	case len("content-length"):
		if folds(name, "content-length") {
			return h.contentLength(value)
		}
	case len("transfer-encoding"): // and of sec-websocket-key
		if folds(name, "transfer-encoding") {
			h.transferEncoding(value)
		} else if folds(name, "sec-websocket-key") {
			h.upgrade = true
		}
	}
	return nil
}

// contentLength takes one Content-Length and no second, RFC 9112 §6.3 rule 5: a repeat, even of the same value, has no honest use.
func (h *headScan) contentLength(value []byte) *refusal {
	if h.lengths++; h.lengths > 1 || len(value) == 0 {
		return errLength
	}
	huge := false
	for _, c := range value {
		if class[c]&isDigit == 0 {
			return errLength
		}
		d := int64(c - '0')
		if h.length > (math.MaxInt64-d)/10 {
			huge = true
			continue
		}
		h.length = h.length*10 + d
	}
	if huge {
		return errLengthBig
	}
	return nil
}

// transferEncoding collects the codings of all lines; finish judges them.
func (h *headScan) transferEncoding(value []byte) {
	h.codingLines++
	for element := range bytes.SplitSeq(value, []byte(",")) {
		element = trim(element)
		h.codings++
		h.chunkedLast = folds(element, "chunked")
		if h.chunkedLast {
			h.chunks++
		}
		h.codingBad = h.codingBad || !token(element)
	}
}

// finish judges the header section as a whole.
func (h *headScan) finish(b []byte, cfg *config) *refusal {
	if h.hosts == 0 && !h.http10 {
		return errNoHost
	}
	if h.codings > 0 {
		switch {
		case h.lengths > 0:
			return errBoth
		case h.http10:
			return errCoding10
		case h.codingBad:
			return errCoding
		case !h.chunkedLast:
			return errNotLast
		case h.chunks > 1:
			return errCoding
		case h.codings > 1:
			return errCodings
		case h.badTrailer:
			return errTrailer
		}
	}
	if h.connect && (h.codings > 0 || h.length > 0) {
		return errConnectLen
	}
	if h.asterisk && h.upgrade {
		// net/http answers OPTIONS * without asking the handler, so nobody would see to the close.
		return errStarSwitch
	}
	if cfg.hosts != nil {
		host := h.host
		if h.absolute {
			host = h.targetHost
		}
		if (h.absolute || h.hosts > 0) && !cfg.hosts.has(host.of(b)) {
			return unknownHost(host.of(b), cfg.hostsHint)
		}
	}
	return nil
}

// namesWebSocket reports whether an Upgrade field's value lists websocket, with or without a version.
func namesWebSocket(value []byte) bool {
	for element := range bytes.SplitSeq(value, []byte(",")) {
		name, _, _ := bytes.Cut(trim(element), []byte("/"))
		if folds(name, "websocket") {
			return true
		}
	}
	return false
}

// announcesFraming reports whether a Trailer field's value lists a field that may not be one, RFC 9110 §6.5.1.
func announcesFraming(value []byte) bool {
	for element := range bytes.SplitSeq(value, []byte(",")) {
		name := trim(element)
		if folds(name, "transfer-encoding") || folds(name, "content-length") || folds(name, "trailer") {
			return true
		}
	}
	return false
}
