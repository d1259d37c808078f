// Package proc starts the servers of the benchmarks as processes of their own, each
// on its core, and reads what they use.
package proc

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time of a process so far, of all its threads, those
// that have ended included. It is the scheduler's own account, in nanoseconds, not
// the ticks of /proc/PID/stat.
func CPU(pid int) (time.Duration, error) {
	// Linux derives the clock of a process from its id (clock_getcpuclockid): the id
	// inverted, above three bits of which 2 stands for the time the scheduler counts.
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("proc: the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
