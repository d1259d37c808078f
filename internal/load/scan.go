package load

import (
	"encoding/binary"
	"errors"
)

// Opcodes, RFC 6455 §5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

var errFrame = errors.New("the server sent what is no frame of a WebSocket server")

// scanFrame reads one frame from a server, of which b holds the beginning. n is
// its length, 0 if b ends before it does. A server masks nothing, and none that
// this package speaks to fragments or compresses what it was not asked to.
func scanFrame(b []byte) (opcode byte, payload []byte, n int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	if b[0]&0xf0 != 0x80 || b[1]&0x80 != 0 {
		return 0, nil, 0, errFrame
	}
	head, size := 2, uint64(b[1])
	switch size {
	case 126:
		if head = 4; len(b) < head {
			return 0, nil, 0, nil
		}
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return 0, nil, 0, nil
		}
		size = binary.BigEndian.Uint64(b[2:])
	}
	if size > maxMessage {
		return 0, nil, 0, errFrame
	}
	if n = head + int(size); len(b) < n {
		return 0, nil, 0, nil
	}
	return b[0] & 0x0f, b[head:n], n, nil
}

// maxMessage is the longest message that is waited for.
const maxMessage = 64 << 20

// appendFrame appends a masked frame (RFC 6455 §5.3). Its key is of no
// importance: nothing stands between this client and the server under test.
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	dst = append(dst, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, key[:]...)
	for i, c := range payload {
		dst = append(dst, c^key[i%4])
	}
	return dst
}
