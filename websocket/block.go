package websocket

import "sync"

// blockSize is what is read from a socket at once: a message of 16 KiB with its
// header, and no less than the allocator gives for that.
const blockSize = 18 << 10

// block is a pooled input buffer. A connection has one only while there is
// input that it has not taken in.
type block [blockSize]byte

var blocks = sync.Pool{New: func() any { return new(block) }}

func putBlock(b *block) {
	poison(b[:])
	blocks.Put(b)
}

// buffers are pooled output buffers.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// bufferKeep is the largest output buffer that goes back to the pool.
const bufferKeep = 128 << 10

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	poison((*b)[:cap(*b)])
	if cap(*b) <= bufferKeep {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
