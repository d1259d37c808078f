//go:build unix

package load

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Descriptors raises the limit of open files to what this process may have, and
// returns it.
func Descriptors() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if limit.Cur != limit.Max {
		raised := limit
		raised.Cur = raised.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err == nil {
			limit = raised
		}
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)), nil //nolint:unconvert // it is signed on FreeBSD
}
