package openline

import (
	"strconv"
	"strings"
)

// A cursor is "epoch-sequence": the epoch names the broker's order, the sequence a place in it. What stands behind a "." is a transport's own.

// maxCursor is more than any broker's cursor has, in bytes.
const maxCursor = 128

// CheckCursor returns nil if s has the form of a cursor, of whatever broker, else an *[Error].
func CheckCursor(s string) error {
	if _, _, e := parseCursor(s); e != nil {
		return e
	}
	return nil
}

// parseCursor takes a cursor apart.
func parseCursor(s string) (epoch string, seq uint64, e *Error) {
	plain, _, _ := strings.Cut(s, ".")
	at := strings.LastIndexByte(plain, '-')
	if at > 0 && len(s) <= maxCursor {
		digits := plain[at+1:]
		n, err := strconv.ParseUint(digits, 10, 64)
		if err == nil && (len(digits) == 1 || digits[0] != '0') && isCursorText(s) {
			return plain[:at], n, nil
		}
	}
	return "", 0, refuse(CodeBadRequest, "%q is not a cursor: give one as it came, in an id or a field cursor, or none", clip(s, 40))
}

// isCursorText reports whether s has only letters, digits, "-" and ".", which browsers send in Last-Event-ID without asking first.
func isCursorText(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// cursorAt returns the cursor of a place in the hub's order.
func (h *Hub) cursorAt(seq uint64) string {
	return h.epoch + "-" + strconv.FormatUint(seq, 10)
}
