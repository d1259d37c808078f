package load

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ReadUsage reads from /proc what a process of this machine, and the processes it
// started, have used. A thread that has ended takes its share with it, which
// servers with a fixed number of threads do not notice.
func ReadUsage(pid int) (Usage, error) {
	var u Usage
	for _, pid := range Family(pid) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, path := range threads {
			u.CPU += threadCPU(path)
		}
		u.Memory += resident(pid)
	}
	if u.CPU == 0 {
		return u, fmt.Errorf("load: there is no process %d whose /proc can be read", pid)
	}
	return u, nil
}

// Family is a process and those it started, as far as they are there.
func Family(pid int) []int {
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", list[i]))
		for _, name := range files {
			b, _ := os.ReadFile(name)
			for word := range strings.FieldsSeq(string(b)) {
				if pid, err := strconv.Atoi(word); err == nil {
					list = append(list, pid)
				}
			}
		}
	}
	return list
}

// threadCPU reads the time that a thread ran, which the scheduler counts in
// nanoseconds.
func threadCPU(path string) time.Duration {
	b, _ := os.ReadFile(path)
	ran, _, _ := bytes.Cut(b, []byte(" "))
	n, _ := strconv.ParseInt(string(ran), 10, 64)
	return time.Duration(n)
}

// resident reads a process's memory: its part of the shared pages, or where that
// is not told, all of them.
func resident(pid int) int64 {
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		return kibibytes(b, "Pss:")
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return kibibytes(b, "VmRSS:")
}

// kibibytes returns the bytes that a line such as "Pss: 12 kB" names.
func kibibytes(b []byte, name string) int64 {
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			n, _ := strconv.ParseInt(number, 10, 64)
			return n << 10
		}
	}
	return 0
}

// ResetPeak has a process's peak memory begin at what it has now, if that may be.
func ResetPeak(pid int) {
	for _, pid := range Family(pid) {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // proc_pid_clear_refs(5)
	}
}

// Peak reads the most resident memory that a process and those it started have had
// since ResetPeak, or their start.
func Peak(pid int) (peak int64) {
	for _, pid := range Family(pid) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		peak += kibibytes(b, "VmHWM:")
	}
	return peak
}
