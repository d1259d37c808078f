//go:build !linux

package load

import "errors"

// ReadUsage reads what a process has used, on Linux.
func ReadUsage(int) (Usage, error) {
	return Usage{}, errors.New("load: what a server uses can be read on Linux alone: leave the process out")
}

// Family is a process alone, where its children cannot be read.
func Family(pid int) []int { return []int{pid} }

// ResetPeak does nothing, where nobody counts.
func ResetPeak(int) {}

// Peak reads nothing, where nobody counts.
func Peak(int) int64 { return 0 }
