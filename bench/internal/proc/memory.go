package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Memory is what a process has resident.
type Memory struct {
	RSS       int64 // octets, the pages of its programs and libraries included
	Anonymous int64 // octets that only this process has: heap and stacks
}

// Resident reads the memory of a process from /proc.
func Resident(pid int) (Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return Memory{}, err
	}
	return parseRollup(b)
}

// parseRollup reads the fields Rss and Pss_Anon.
func parseRollup(b []byte) (m Memory, err error) {
	found := 0
	for line := range bytes.Lines(b) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		fields := bytes.Fields(value)
		if !ok || len(fields) != 2 {
			continue
		}
		into := map[string]*int64{"Rss": &m.RSS, "Pss_Anon": &m.Anonymous}[string(name)]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("proc: smaps_rollup: %w", err)
		}
		*into = kib << 10
		found++
	}
	if found != 2 {
		return Memory{}, fmt.Errorf("proc: smaps_rollup names %d of the two fields that are needed", found)
	}
	return m, nil
}
