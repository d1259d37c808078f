package websocket

import (
	"reflect"
	"testing"
)

// TestConnSize: a connection is 896 octets, which is a size that the allocator has.
// The next one is 1,024.
func TestConnSize(t *testing.T) {
	if size := reflect.TypeFor[Conn]().Size(); size > 896 {
		t.Errorf("a Conn takes %d octets, want at most 896", size)
	}
}
