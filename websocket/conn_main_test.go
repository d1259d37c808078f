package websocket_test

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain runs the tests and then waits for every goroutine of this module to
// end. A connection whose peer does not close lingers for CloseTimeout, so this
// takes as long as the longest of those.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // refusals and failures are what is tested here
	code := m.Run()
	if code == 0 {
		if left := leftovers(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines that did not end:\n\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftovers returns the stacks of goroutines in this module that do not end.
func leftovers() string {
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := moduleStacks()
		if left == "" || time.Now().After(deadline) {
			return left
		}
		<-tick.C
	}
}

func moduleStacks() string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var left []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "openline/websocket") && !strings.Contains(stack, "TestMain(") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
