package websocket

import (
	"reflect"
	"testing"
)

// TestConnSize: with the eight octets that the allocator puts before what is larger
// than 512, a connection takes 768. The next size that the allocator has is 896.
func TestConnSize(t *testing.T) {
	if size := reflect.TypeFor[Conn]().Size(); size > 768-8 {
		t.Errorf("a Conn takes %d octets, want at most 760", size)
	} else {
		t.Log(size)
	}
}
