//go:build !unix

package websocket

import (
	"net"
	"syscall"
)

// Where descriptors are not read and written like files, connections go through
// net.Conn alone.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readDescriptor(uintptr, []byte) (int, bool, error) { panic("websocket: no raw descriptor here") }

func writeDescriptor(uintptr, []byte) (int, error) { panic("websocket: no raw descriptor here") }
