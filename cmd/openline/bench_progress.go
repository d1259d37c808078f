package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// benchProgress is a bar on a terminal.
type benchProgress struct {
	w     io.Writer // nil: nothing is shown
	shown bool
}

// benchProgressOn shows progress if standard error is a terminal.
func benchProgressOn(s streams) *benchProgress {
	p := &benchProgress{}
	if f, ok := s.err.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = f
		}
	}
	return p
}

func (p *benchProgress) open(done, total int) {
	p.bar("opening", float64(done)/float64(total), fmt.Sprintf("%s of %s sessions", grouped(done), grouped(total)))
}

func (p *benchProgress) publish(past, total time.Duration, deliveries uint64) {
	text := fmt.Sprintf("%s deliveries, %s a second", grouped(deliveries), grouped(uint64(float64(deliveries)/max(past.Seconds(), 0.001))))
	p.bar("publishing", past.Seconds()/total.Seconds(), text)
}

func (p *benchProgress) settle(past, limit time.Duration) {
	p.bar("settling", past.Seconds()/limit.Seconds(), "until the memory stays where it is")
}

// bar draws.
func (p *benchProgress) bar(what string, share float64, text string) {
	if p.w == nil {
		return
	}
	const width = 30
	full := int(width * min(max(share, 0), 1))
	p.shown = true
	fmt.Fprintf(p.w, "\r\x1b[K%-10s %s%s %s", what, strings.Repeat("█", full), strings.Repeat("░", width-full), text)
}

// end takes the bar away.
func (p *benchProgress) end() {
	if p.shown {
		p.shown = false
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
