//go:build !amd64 || purego

package mask

import "testing"

// ways runs f in the one way that there is.
func ways(t *testing.T, f func(t *testing.T)) { f(t) }
