package load

import "time"

// Usage is what a process and those it started have used so far.
type Usage struct {
	CPU    time.Duration
	Memory int64 // resident bytes; of pages shared between processes, the process's part
}
