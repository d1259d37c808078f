package mask

import (
	"crypto/rand"
	"sync"
)

// keys hands out masking keys from a block of random octets, so that the
// operating system is asked once for many frames.
type keys struct {
	block [512]byte
	next  int // index of the first unused octet; len(block) when none is left
}

var pool = sync.Pool{New: func() any {
	k := new(keys)
	k.next = len(k.block)
	return k
}}

// NewKey returns a fresh masking key from a cryptographically strong source
// (RFC 6455 §5.3, §10.3).
func NewKey() [4]byte {
	k := pool.Get().(*keys)
	if k.next == len(k.block) {
		rand.Read(k.block[:]) // never fails: crypto/rand ends the program instead
		k.next = 0
	}
	key := [4]byte(k.block[k.next:])
	clear(k.block[k.next : k.next+4]) // a key that was used is not kept
	k.next += 4
	pool.Put(k)
	return key
}
