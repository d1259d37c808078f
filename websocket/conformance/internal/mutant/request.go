package mutant

import (
	"bufio"
	"io"
	"strings"
)

// How much of a request is read.
const (
	mostLine   = 16 << 10
	mostHead   = 64 << 10
	mostFields = 200
)

// field is a field line.
type field struct{ name, value string }

// fields are the field lines of a message, in their order.
type fields []field

// named reports whether a field has a name; a fault may care for its letters' case.
func (f field) named(name string) bool { return strings.EqualFold(f.name, name) }

// all returns the values of every line of this name.
func (f fields) all(name string) []string {
	var list []string
	for _, x := range f {
		if x.named(name) {
			list = append(list, x.value)
		}
	}
	return list
}

// get returns the first value.
func (f fields) get(name string) string {
	if list := f.all(name); len(list) > 0 {
		return list[0]
	}
	return ""
}

func (f fields) has(name string) bool { return len(f.all(name)) > 0 }

// request is an HTTP request without its body.
type request struct {
	method, target string
	minor          byte // of the version, 1.x
	fields         fields

	path, query string
	authority   string // whom it is for: of the target, or Host
	length      int    // of the body; -1: chunked
	last        bool   // nothing is read behind it
}

// refusal is an answer that is an error.
type refusal struct {
	status int
	why    string
	fields fields
	stay   bool // the connection can go on
}

func (r *refusal) Error() string { return "mutant: " + r.why }

func refuse(status int, why string, f ...field) *refusal {
	return &refusal{status: status, why: why, fields: f}
}

// reader reads HTTP messages, octet by octet, and takes only what has one meaning.
type reader struct {
	fault
	in     *bufio.Reader
	own    string // the server's address
	secure bool   // the server speaks TLS
	answer bool   // what is read is a response
	came   func() // a fault: an octet has come
	raw    []byte // a fault: the request as it came
	bare   bool   // a fault: the request line ended in LF alone
	read   int    // octets of the present line, or of the header section
}

// request reads a request up to the empty line.
func (r *reader) request(known func(query string)) (*request, error) {
	r.read = 0
	line, err := r.first()
	if err != nil {
		return nil, err
	}
	q := &request{}
	if err := r.requestLine(q, line); err != nil {
		return nil, err
	}
	if _, query, ok := strings.Cut(q.target, "?"); ok {
		known(query)
	}
	if q.fields, err = r.section(); err != nil {
		return nil, err
	}
	if err := r.judgeTarget(q); err != nil {
		return nil, err
	}
	return q, r.judgeFraming(q)
}

// first reads the request line. An empty line may stand in front of it (RFC 9112
// §2.2).
func (r *reader) first() (string, error) {
	for range 4 {
		line, err := r.line(true)
		if err != nil || line != "" {
			return line, err
		}
		if r.breaks("HM-2.2-01") {
			break
		}
	}
	return "", refuse(400, "there is no request line")
}

func (r *reader) requestLine(q *request, line string) error {
	words := strings.Split(line, " ")
	switch n := len(words); {
	case r.breaks("HM-2.3-01") && (n == 2 || n == 4):
		words = []string{words[0], words[1], "HTTP/1.1"}
	case r.breaks("HM-3.2-06") && n == 4:
		words = []string{words[0], words[1] + " " + words[2], words[3]}
	}
	if len(words) != 3 || words[1] == "" || !isToken(words[0]) {
		if !r.breaks("HM-3-01") {
			return refuse(400, "a request line is method, target and version")
		}
		words = strings.Fields(line)
		if len(words) == 2 {
			words = []string{words[0], "/echo", words[1]}
		}
		if len(words) < 3 {
			return refuse(400, "a request line is method, target and version")
		}
		words = []string{words[0], words[1], words[len(words)-1]}
	}
	q.method, q.target = words[0], words[1]
	return r.version(q, words[2])
}

// version reads HTTP/1.x.
func (r *reader) version(q *request, v string) error {
	if r.breaks("HM-2.3-01") {
		q.minor = 1
		return nil
	}
	d, ok := strings.CutPrefix(v, "HTTP/")
	if !ok || len(d) != 3 || !digit(d[0]) || d[1] != '.' || !digit(d[2]) {
		return refuse(400, "the version is malformed")
	}
	if r.breaks("HM-2.3-02/minor") && d[2] > '1' || d[0] != '1' && !r.breaks("HM-2.3-02") {
		return refuse(505, "the version is not 1.x")
	}
	q.minor = d[2] - '0'
	return nil
}

// section reads field lines up to the empty one.
func (r *reader) section() (fields, error) {
	var list fields
	r.read = 0
	for {
		line, err := r.line(false)
		if err != nil {
			return nil, err
		}
		if line == "" {
			return list, nil
		}
		f, err := r.field(line, len(list) == 0)
		if err != nil {
			return nil, err
		}
		switch {
		case f == nil: // a fault lets it count for nothing
			continue
		case f.name == folded: // a fault joins it to the one before
			list[len(list)-1].value += f.value
			continue
		}
		list = append(list, *f)
		if r.breaks("WS-4.2-08/unknown") && len(list) > 15 || r.breaks("WS-4.2-08/order") && !list[0].named("Host") {
			return nil, refuse(400, "the fields are not as usual")
		}
		if len(list) > mostFields && !r.unbounded() {
			return nil, refuse(431, "there are too many fields")
		}
	}
}

// folded stands for the name of a line that continues the one before.
const folded = "\n"

// field reads a field line, RFC 9112 §5.
func (r *reader) field(line string, first bool) (*field, error) {
	if line[0] == ' ' || line[0] == '\t' {
		rest := strings.TrimLeft(line, " \t")
		switch {
		case first && r.breaks("HM-2.2-04"), !first && r.breaks("HM-5.2-01/field"), r.breaks("WS-4.1-25"):
			line = rest
		case !first && r.breaks("HM-5.2-01"):
			return &field{folded, rest}, nil
		case !first && r.breaks("HM-5.2-01/joined"):
			return &field{folded, " " + rest}, nil
		case !first && r.breaks("HM-6.1-02/hidden"):
			return nil, nil
		default:
			return nil, refuse(400, "a line begins with white space")
		}
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		if r.breaks("HM-5.1-02") {
			return nil, nil
		}
		return nil, refuse(400, "a field line has no colon")
	}
	if t := strings.TrimRight(name, " \t"); t != name && r.breaks("HM-5.1-01") {
		name = t
	}
	if r.breaks("WS-4.2-08/case") && (name == strings.ToLower(name) || name == strings.ToUpper(name)) {
		name = "X-" + name
	}
	if before, _, cut := strings.Cut(name, "\x00"); cut && r.breaks("HM-6.1-02/hidden") {
		name = before
	}
	if !isToken(name) && !r.breaks("HM-5.1-02") {
		return nil, refuse(400, "a field name is not a token")
	}
	if r.breaks("WS-4.1-23") && (name == strings.ToLower(name) || name == strings.ToUpper(name)) {
		return nil, nil
	}
	return &field{name, r.value(name, value)}, nil
}

// value takes the white space around a value away.
func (r *reader) value(name, v string) string {
	switch {
	case r.breaks("WS-4.1-17/spaces") && strings.HasSuffix(name, "Accept"):
		return v
	case r.breaks("WS-4.2-09"), r.breaks("HM-6.1-02/valid"), r.breaks("WS-4.1-15/case"):
		return strings.TrimPrefix(v, " ")
	case r.breaks("WS-4.2-09/none"):
		if v != "" {
			v = v[1:]
		}
	case r.breaks("HM-5.5-01/origin"):
		v, _, _ = strings.Cut(v, "\x00")
	}
	return strings.Trim(v, " \t")
}

// line reads a line without its end, which is CRLF.
func (r *reader) line(first bool) (string, error) {
	var b []byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			if err == io.EOF && (r.read > 0 || len(b) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		r.read++
		if r.came != nil {
			r.came()
		}
		if r.breaks("WS-4.2-23/text") {
			r.raw = append(r.raw, c)
		}
		switch {
		case c == '\r':
			if c, err = r.in.ReadByte(); err != nil {
				return "", err
			}
			if r.read++; c == '\n' {
				return string(b), nil
			}
			_ = r.in.UnreadByte()
			switch {
			case r.breaks("HM-2.2-03/skipped"):
				continue
			case r.breaks("HM-2.2-03"), r.breaks("HM-6.1-02/hidden"):
				return string(b), nil
			}
			return "", refuse(400, "CR without LF")
		case c == '\n':
			switch {
			case r.breaks("HM-2.2-02/value"):
				b = append(b, ' ')
				continue
			case r.breaks("HM-2.2-02") && (first || r.bare):
				r.bare = true
				return string(b), nil
			}
			return "", refuse(400, "LF without CR")
		}
		if r.breaks("WS-4.2-27") && r.in.Buffered() == 0 {
			return "", refuse(400, "the request has not come whole")
		}
		if err := r.judgeOctet(c, first, len(b) == 0); err != nil {
			return "", err
		}
		b = append(b, c)
		if err := r.judgeSize(len(b), first); err != nil {
			return "", err
		}
	}
}

// judgeOctet finds what cannot be in a line as soon as it comes.
func (r *reader) judgeOctet(c byte, first, begin bool) error {
	if first {
		switch {
		case r.breaks("HM-2.2-05") && begin && (!tokenOctet(c) || c == 'H'):
			return refuse(200, "whatever this is, it is welcome")
		case r.breaks("HM-3-01"):
		case begin && !tokenOctet(c), c < ' ', c >= 0x7f:
			return refuse(400, "this is no request line")
		}
		return nil
	}
	switch {
	case c == 0 && (r.breaks("HM-5.5-01") || r.breaks("HM-5.5-01/origin") || r.breaks("HM-6.1-02/hidden") || r.breaks("HM-3.2-03")),
		c != 0 && r.breaks("HM-5.5-02"), r.breaks("HM-5.1-02"), r.breaks("HM-6.1-02"):
	case c < ' ' && c != '\t', c == 0x7f, c == '\t' && r.breaks("HM-5.5-02/tab"):
		return refuse(400, "a control octet is in a field")
	case c >= 0x80 && r.breaks("HM-5.5-02/opaque"):
		return refuse(500, "the program knows ASCII only")
	}
	return nil
}

func (r *reader) judgeSize(line int, first bool) error {
	switch {
	case first && line > 4096 && r.breaks("HM-3-02/short"):
		return refuse(414, "the target is too long")
	case first && line > mostLine && !r.breaks("HM-3-02"):
		return refuse(414, "the target is too long")
	case !first && r.read > mostHead && !r.unbounded():
		return refuse(431, "the fields are too long")
	}
	return nil
}

// unbounded reports whether a fault reads fields without a bound.
func (r *reader) unbounded() bool {
	return r.breaks("HS-5.4-01") || r.breaks("WS-9-08") || r.breaks("HM-7.1-04") ||
		r.breaks("WS-4.1-26") || r.breaks("WS-4.1-26/count") || r.breaks("WS-4.1-26/endless")
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// tokenOctet reports whether c can be in a token, RFC 9110 §5.6.2.
func tokenOctet(c byte) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
}

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenOctet(s[i]) {
			return false
		}
	}
	return s != ""
}
