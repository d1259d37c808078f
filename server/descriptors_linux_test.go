package server

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestMakeDescriptors: the table has room for the connections before they come.
func TestMakeDescriptors(t *testing.T) {
	files, _ := descriptorLimit()
	makeDescriptors(700, files)
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, after, _ := strings.Cut(string(b), "FDSize:")
	line, _, _ := strings.Cut(after, "\n")
	if size, err := strconv.Atoi(strings.TrimSpace(line)); err != nil || files > 1000 && size < 700+reservedFiles {
		t.Errorf("room for %d descriptors, %v", size, err)
	}
	for _, connections := range []int{0, 1 << 30} { // no more than the process may have
		makeDescriptors(connections, 100)
	}
}
