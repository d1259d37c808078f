//go:build !linux

package transport

import (
	"net"
	"time"
)

// noticeVanished leaves it to TCP to find out that a client is gone.
func noticeVanished(net.Conn, time.Duration) {}

// boundUnsent leaves it to the system how much it takes.
func boundUnsent(net.Conn, int) {}
