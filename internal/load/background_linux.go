package load

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Background has this process run only where no other wants to: its threads, and
// those that they will start. It is called before there is anything to do.
func Background() {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
		}
	}
}
