package openline

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of names, in bytes.
const (
	maxName = 128 // a user, a channel, an event
	maxKey  = 128
)

// everyone is the channel of which every session is a subscriber.
const everyone = "@*"

// inbox returns the channel of which every session of user is a subscriber.
func inbox(user string) string { return "@" + user }

// reserved reports whether only Openline itself subscribes and publishes to the channel.
func reserved(channel string) bool { return strings.HasPrefix(channel, "@") }

// isSystem reports whether the type is one of Openline's own.
func isSystem(kind string) bool { return strings.HasPrefix(kind, "sys:") }

// nameBytes marks the alphabet of users; a channel may have "/" too.
var nameBytes = func() (set [256]bool) {
	for c := range 256 {
		b := byte(c)
		set[c] = b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || strings.IndexByte("._-~@:", b) >= 0
	}
	return set
}()

// CheckUser returns nil if name can be a user's, else an *[Error] that says what is allowed: 1–128 bytes of A–Z a–z 0–9 . _ - ~ @ :
//
// A user's name may begin with @: her inbox is then "@@name", which is nobody else's, and * is not in the alphabet, so that no user's inbox is "@*".
func CheckUser(name string) error {
	if e := checkAlphabet("user", name, false); e != nil {
		return e
	}
	return nil
}

// CheckChannel returns nil if sessions and backends can subscribe and publish to the channel by name. Else it returns an *[Error]: with [CodeBadName] it says what
// is allowed, 1–128 bytes of A–Z a–z 0–9 . _ - ~ @ : /, no part between slashes being . or ..; with [CodeReserved] the name begins with @, which is for inboxes and the channel of everyone.
func CheckChannel(name string) error {
	if e := checkChannel(name); e != nil {
		return e
	}
	return nil
}

// CheckType returns nil if name can be an application message's type, its event: 1–128 printable ASCII bytes, not beginning with "sys:". Else it returns an *[Error].
func CheckType(name string) error {
	if e := checkEvent(name); e != nil {
		return e
	}
	return nil
}

func checkChannel(name string) *Error {
	if reserved(name) {
		return refuse(CodeReserved, "the channel %q is reserved, as all that begin with @: use send for a user's inbox; everyone's is for the backend's broadcast", clip(name, maxName))
	}
	return checkAlphabet("channel", name, true)
}

func checkAlphabet(what, name string, slash bool) *Error {
	allowed := "A-Z a-z 0-9 . _ - ~ @ :"
	if slash {
		allowed += " /"
	}
	if name == "" || len(name) > maxName {
		return refuse(CodeBadName, "a %s's name has 1 to %d bytes of %s; this one has %d bytes", what, maxName, allowed, len(name))
	}
	for i := range len(name) {
		if c := name[i]; !nameBytes[c] && (c != '/' || !slash) {
			return refuse(CodeBadName, "a %s's name has 1 to %d bytes of %s; byte %d of %q is %s", what, maxName, allowed, i, name, describe(name[i:]))
		}
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." || segment == ".." {
			return refuse(CodeBadName, "a %s's name has no part that is . or ..: in the path of a URL these mean something else", what)
		}
	}
	return nil
}

func checkEvent(name string) *Error {
	if strings.HasPrefix(name, "sys:") {
		return refuse(CodeBadName, "types that begin with sys: are the server's own; choose another than %q", clip(name, maxName))
	}
	return checkPrintable("type", name, maxName)
}

func checkKey(key string) *Error { return checkPrintable("key", key, maxKey) }

func checkPrintable(what, s string, most int) *Error {
	if s == "" || len(s) > most {
		return refuse(CodeBadName, "a %s has 1 to %d printable ASCII bytes; this one has %d", what, most, len(s))
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return refuse(CodeBadName, "a %s has 1 to %d printable ASCII bytes; byte %d is %s", what, most, i, describe(s[i:]))
		}
	}
	return nil
}

// describe names the character at the start of s for a person.
func describe(s string) string {
	switch r, size := utf8.DecodeRuneInString(s); {
	case size == 0:
		return "the end"
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("0x%02x", s[0])
	default:
		return fmt.Sprintf("%q", r)
	}
}

// clip cuts s to at most n bytes, so that a peer's nonsense does not fill an answer.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
