//go:build unix

package utf8x

import (
	"syscall"
	"testing"
)

// fenced returns a page between two that end the program when touched.
func fenced(t *testing.T) []byte {
	page := syscall.Getpagesize()
	m, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	for _, fence := range [][]byte{m[:page], m[2*page:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Skip(err)
		}
	}
	return m[page : 2*page]
}

func TestNothingOutsideIsRead(t *testing.T) {
	p := fenced(t)
	for _, text := range backgrounds {
		for i := 0; i < len(p); i += len(text) {
			copy(p[i:], text)
		}
		ways(func() {
			for n := range 1101 {
				Valid(p[:n])
				Valid(p[len(p)-n:])
			}
			Valid(p)
		})
	}
}
