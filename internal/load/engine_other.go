//go:build !linux

package load

// newEngine returns the portable engine.
func newEngine(o *engineOptions) (engine, error) { return newPortable(o), nil }
