// Package poll waits for many sockets at once: epoll on Linux. Elsewhere
// [Supported] is false and nothing else is of use.
package poll

// Ready says what a descriptor is ready for.
type Ready uint8

// A hung-up descriptor is readable and writable too: the next call says why.
const (
	Readable Ready = 1 << iota
	Writable
	HungUp
)
