//go:build unix

package server

import "syscall"

// descriptorLimit raises the process's soft limit of open files to its hard
// one and returns what it is then.
func descriptorLimit() (limit uint64, ok bool) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	if r.Cur < r.Max {
		raised := r
		raised.Cur = r.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err == nil {
			r = raised
		}
	}
	return uint64(r.Cur), true //nolint:unconvert // the field is signed on some systems
}
