//go:build measure

// Command measure is the measuring part of micro.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

// contestant is a way of doing something to a buffer.
type contestant struct {
	name string
	run  func(b []byte)
}

// best measures all contestants in turn, again and again, so that whatever
// else the machine does hits all of them alike, and gives for each the
// nanoseconds of one run in its best round.
func best(cs []contestant, b []byte, rounds int, round time.Duration) []float64 {
	result := make([]float64, len(cs))
	runs := make([]int, len(cs))
	for i, c := range cs {
		result[i] = math.Inf(1)
		runs[i] = 1 // how many runs make a round
		for min(timed(c.run, b, runs[i]), timed(c.run, b, runs[i]), timed(c.run, b, runs[i])) < round/2 {
			runs[i] *= 2
		}
	}
	for range rounds {
		for i, c := range cs {
			ns := float64(timed(c.run, b, runs[i]).Nanoseconds()) / float64(runs[i])
			result[i] = min(result[i], ns)
		}
	}
	return result
}

func timed(f func([]byte), b []byte, runs int) time.Duration {
	start := time.Now()
	for range runs {
		f(b)
	}
	return time.Since(start)
}

func main() {
	rounds := flag.Int("rounds", 300, "how often each is measured; the best round counts")
	round := flag.Duration("round", 100*time.Microsecond, "how long a round is, about")
	flag.Parse()
	fmt.Printf("%s %s/%s, best of %d rounds of %v\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, *rounds, *round)
	if os.Getenv("MICRO_AVX2") != "" {
		fmt.Println("openline masks with AVX2 alone")
	}
	measureMask(*rounds, *round)
	measureText(*rounds, *round)
	measureUTF8(*rounds, *round)
}

// table prints rows of cells in columns.
func table(rows [][]string) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		for _, cell := range row {
			fmt.Fprint(w, cell, "\t")
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
}
