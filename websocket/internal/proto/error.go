package proto

// Error is a violation by the peer. Code is the close code that tells the
// peer (RFC 6455 §7.4.1), Reason names the rule and fits a Close frame.
type Error struct {
	Code   uint16
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// Close codes that the core itself sends or reads (RFC 6455 §7.4.1).
const (
	CodeNormal      = 1000
	CodeProtocol    = 1002
	CodeNoStatus    = 1005 // never on the wire: a Close without a body
	CodeAbnormal    = 1006 // never on the wire: no Close at all
	CodeInvalidData = 1007
	CodePolicy      = 1008
	CodeTooBig      = 1009
	CodeMandatory   = 1010 // for clients only
)

// The violations. They are variables so that failing allocates nothing.
var (
	ErrRSV            = &Error{CodeProtocol, "reserved bit set without an extension that defines it (RFC 6455 §5.2)"}
	ErrOpcode         = &Error{CodeProtocol, "reserved opcode (RFC 6455 §5.2)"}
	ErrNotMasked      = &Error{CodeProtocol, "client frame is not masked (RFC 6455 §5.1)"}
	ErrMasked         = &Error{CodeProtocol, "server frame is masked (RFC 6455 §5.1)"}
	ErrControlFin     = &Error{CodeProtocol, "fragmented control frame (RFC 6455 §5.5)"}
	ErrControlLength  = &Error{CodeProtocol, "control frame payload over 125 octets (RFC 6455 §5.5)"}
	ErrLengthForm     = &Error{CodeProtocol, "payload length not in the shortest form (RFC 6455 §5.2)"}
	ErrLengthRange    = &Error{CodeProtocol, "payload length has its top bit set (RFC 6455 §5.2)"}
	ErrContinuation   = &Error{CodeProtocol, "continuation frame without a message to continue (RFC 6455 §5.4)"}
	ErrInterleaved    = &Error{CodeProtocol, "new message before the last one ended (RFC 6455 §5.4)"}
	ErrCloseLength    = &Error{CodeProtocol, "close frame with a body of one octet (RFC 6455 §5.5.1)"}
	ErrCloseCode      = &Error{CodeProtocol, "close code that must not be sent (RFC 6455 §7.4)"}
	ErrCloseReason    = &Error{CodeInvalidData, "close reason is not UTF-8 (RFC 6455 §5.5.1)"}
	ErrText           = &Error{CodeInvalidData, "text message is not UTF-8 (RFC 6455 §8.1)"}
	ErrDeflate        = &Error{CodeInvalidData, "compressed message is no DEFLATE stream (RFC 7692 §7.2.2)"}
	ErrDeflateWindow  = &Error{CodeInvalidData, "compressed message refers to what is outside the window (RFC 7692 §7.1.2)"}
	ErrDeflateCut     = &Error{CodeInvalidData, "compressed message ends inside its DEFLATE stream (RFC 7692 §7.2.2)"}
	ErrMessageTooBig  = &Error{CodeTooBig, "message over the size limit"}
	ErrRatio          = &Error{CodeTooBig, "compressed message inflates to more than MaxRatio times its size"}
	ErrFragmentsLimit = &Error{CodePolicy, "message in too many fragments"}
)

// ValidCloseCode reports whether code may stand in a Close frame: those of
// RFC 6455 §7.4.1, the later ones of the IANA registry (1012–1014), and the
// ranges for libraries and applications (§7.4.2). A newly registered code is
// to be added here and nowhere else.
func ValidCloseCode(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}
