package websocket

import "time"

// NewLoopWithoutPoller is a loop as other systems have it.
func NewLoopWithoutPoller() *Loop { return newLoop() }

// NewAgedLoop is a loop that seems to have run for so long.
func NewAgedLoop(age time.Duration) (*Loop, error) { return startLoop(time.Now().Add(-age)) }

// LoopClockTurns is the age at which a loop's clock begins anew.
const LoopClockTurns = (1<<32 - 1) * tickTime
