//go:build !linux

package poll

import (
	"errors"
	"net/netip"
	"time"
)

// Supported says that this system has what the package needs.
const Supported = false

var errUnsupported = errors.New("poll: not on this system")

// Event is one descriptor that is ready, by the id it was added with.
type Event struct {
	ID    uint64
	Ready Ready
}

// Poller is of no use here.
type Poller struct{}

// Open fails.
func Open() (*Poller, error) { return nil, errUnsupported }

func (*Poller) Close() error                    { return errUnsupported }
func (*Poller) Add(int, uint64, Ready) error    { return errUnsupported }
func (*Poller) Change(int, uint64, Ready) error { return errUnsupported }
func (*Poller) Remove(int) error                { return errUnsupported }
func (*Poller) Wake()                           {}
func (*Poller) Poll() ([]Event, error)          { return nil, errUnsupported }
func (*Poller) Wait(time.Time) ([]Event, error) { return nil, errUnsupported }

func Read(int, []byte) (int, error)           { return 0, errUnsupported }
func Write(int, []byte) (int, error)          { return 0, errUnsupported }
func Write2(int, []byte, []byte) (int, error) { return 0, errUnsupported }
func Dup(int) (int, error)                    { return -1, errUnsupported }
func Accept(int) (int, netip.AddrPort, error) { return -1, netip.AddrPort{}, errUnsupported }
func Inherit(int)                             {}
func BoundUnsent(int, int)                    {}
func Unsent(int) int                          { return 0 }
func Abandon(int)                             {}
func Close(int) error                         { return errUnsupported }
func CloseWrite(int) error                    { return errUnsupported }
