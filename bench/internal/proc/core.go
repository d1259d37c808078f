package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// cores are the processors that this process was given at its start. Pinning it
// changes what the runtime would say later.
var cores = sync.OnceValue(func() (list []int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return []int{0}
	}
	for i := range len(set) * strconv.IntSize {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list
})

// Cores returns how many processors there are.
func Cores() int { return len(cores()) }

// only is the set with one processor in it.
func only(core int) *unix.CPUSet {
	var set unix.CPUSet
	set.Set(core)
	return &set
}

// PinLoad keeps this process, which is the load, on the last processor. The servers
// get the first. With one processor alone nothing is pinned.
func PinLoad() error {
	if Cores() < 2 {
		return nil
	}
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	for _, path := range threads {
		id, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, only(cores()[Cores()-1])); err != nil && err != unix.ESRCH {
			return fmt.Errorf("proc: pin a thread of the load: %w", err)
		}
	}
	return nil
}

// onServerCore runs f on the processor of the servers. A process that f starts
// inherits it, and so its runtime sees one processor.
func onServerCore(f func() error) error {
	if Cores() < 2 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("proc: read the processors of a thread: %w", err)
	}
	if err := unix.SchedSetaffinity(0, only(cores()[0])); err != nil {
		return fmt.Errorf("proc: pin the server: %w", err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	return f()
}

// Descriptors raises this process's limit of open files to what it may have, for
// itself and the servers it starts, and says if that is less than n.
func Descriptors(n int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	if limit.Cur < uint64(n) {
		return fmt.Errorf("proc: this process may have %d descriptors open and needs %d: raise `ulimit -n`", limit.Cur, n)
	}
	return nil
}
