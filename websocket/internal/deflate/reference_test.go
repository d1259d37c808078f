package deflate_test

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	"github.com/openline/openline/websocket/internal/deflate/deflatetest"
)

const tail = "\x00\x00\xff\xff"

// standard inflates what the standard library's reader makes of a payload, which
// has to end exactly at the end of a block.
func standard(payload, window []byte) ([]byte, error) {
	r := flate.NewReaderDict(bytes.NewReader([]byte(string(payload)+tail+"\x01\x00\x00\xff\xff")), window)
	return io.ReadAll(r)
}

// parse takes a payload apart.
func parse(t *testing.T, payload []byte) deflatetest.Facts {
	t.Helper()
	facts, err := deflatetest.Parse(payload)
	if err != nil {
		t.Fatalf("%x: %v", payload, err)
	}
	return facts
}
