//go:build linux

package load

import (
	"os"
	"testing"
)

func TestReadUsage(t *testing.T) {
	u, err := ReadUsage(os.Getpid())
	if err != nil || u.CPU <= 0 || u.Memory < 1<<20 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := ReadUsage(1 << 30); err == nil {
		t.Error("a process that is not there is no error")
	}
}

func TestKibibytes(t *testing.T) {
	const text = "Rss:    120 kB\nPss:      7 kB\nPss_Anon: 5 kB\n"
	if got := kibibytes([]byte(text), "Pss:"); got != 7<<10 {
		t.Errorf("Pss is %d", got)
	}
}

func TestDescriptors(t *testing.T) {
	if n, err := Descriptors(); err != nil || n < 3 {
		t.Errorf("%d, %v", n, err)
	}
}
