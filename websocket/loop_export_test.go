package websocket

// NewLoopWithoutPoller is a loop as other systems have it.
func NewLoopWithoutPoller() *Loop { return newLoop() }
