package server

import (
	"os"
	"syscall"
)

// mostMade is up to how many descriptors room is made for at once: half a megabyte of
// the system's memory.
const mostMade = 1 << 16

// makeDescriptors has the system make its table of this process's descriptors as large
// as it will be with connections many, by asking once for a high one. The table grows
// by doubling otherwise, and of a process with several threads each time holds up
// whoever opens something for 10 ms or more: until no processor can be reading the old
// one. That would be amid a rush of connections, and on a loop.
func makeDescriptors(connections int, files uint64) {
	if connections <= 0 {
		connections = mostMade
	}
	highest := min(uint64(connections)+reservedFiles, files, mostMade) - 1
	f, err := os.Open(os.DevNull)
	if err != nil {
		return
	}
	defer f.Close()
	if fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_DUPFD_CLOEXEC, uintptr(highest)); errno == 0 {
		_ = syscall.Close(int(fd))
	}
}
