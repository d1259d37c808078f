package openline_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/openline/openline"
)

// TestKeysMemory: what is remembered of a publication with a key does not hold on to
// the request that its names were cut from.
func TestKeysMemory(t *testing.T) {
	h := openline.New(nil)
	defer func() { _ = h.Shutdown(context.Background()) }()
	const n, size = 100, 1 << 20
	for i := range n {
		request := strings.Repeat("x", size) + fmt.Sprintf("channel%02dkey%02d", i, i)
		p := openline.Publication{Channel: request[size : size+9], Key: request[size+9:]}
		if r, err := h.Publish(context.Background(), p); err != nil || r.Duplicate {
			t.Fatal(r, err)
		}
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > n*size/2 {
		t.Errorf("%d octets are in use", m.HeapAlloc)
	}
	runtime.KeepAlive(h)
}
