//go:build unix

package websocket_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func init() {
	readOnly = func(tb testing.TB, b []byte) []byte {
		tb.Helper()
		name := filepath.Join(tb.TempDir(), "memory")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			tb.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		defer f.Close()
		m, err := syscall.Mmap(int(f.Fd()), 0, len(b), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = syscall.Munmap(m) })
		return m
	}
}
