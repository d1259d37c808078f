package websocket

import (
	"syscall"

	"github.com/openline/openline/websocket/internal/poll"
)

// readDescriptor reads once without waiting; again says that nothing was there.
func readDescriptor(fd uintptr, p []byte) (n int, again bool, err error) {
	if n, err = poll.Read(int(fd), p); err == syscall.EAGAIN {
		return 0, true, nil
	}
	return n, false, err
}

// writeDescriptor writes once without waiting and returns how much the socket
// took.
func writeDescriptor(fd uintptr, p []byte) (n int, err error) {
	if n, err = poll.Write(int(fd), p); err == syscall.EAGAIN {
		err = nil
	}
	return n, err
}
