//go:build !linux

package load

// Background does nothing here.
func Background() {}
