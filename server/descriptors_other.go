//go:build !unix

package server

// descriptorLimit reports that the system has no limit of open files that this
// program knows of.
func descriptorLimit() (limit uint64, ok bool) { return 0, false }
