//go:build unix

package mask

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

func TestNothingOutsideIsTouched(t *testing.T) {
	p := fenced(t)
	ways(t, func(*testing.T) {
		for n := range 1101 {
			Apply(p[:n], [4]byte{1, 2, 3, 4}, 0)
			Apply(p[len(p)-n:], [4]byte{1, 2, 3, 4}, 0)
			ApplyASCII(p[:n], [4]byte{1, 2, 3, 4}, 1)
			ApplyASCII(p[len(p)-n:], [4]byte{1, 2, 3, 4}, 1)
		}
		Apply(p, [4]byte{1, 2, 3, 4}, 0)
	})
}
