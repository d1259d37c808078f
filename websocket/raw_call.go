//go:build unix && !linux

package websocket

import "syscall"

// readDescriptor reads once without waiting; again says that nothing was there.
func readDescriptor(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		if err != syscall.EINTR {
			break
		}
	}
	if err == syscall.EAGAIN {
		return 0, true, nil
	}
	return max(n, 0), false, err
}

// writeDescriptor writes once without waiting and returns how much the socket
// took.
func writeDescriptor(fd uintptr, p []byte) (n int, err error) {
	for {
		n, err = syscall.Write(int(fd), p)
		if err != syscall.EINTR {
			break
		}
	}
	if err == syscall.EAGAIN {
		err = nil
	}
	return max(n, 0), err
}
