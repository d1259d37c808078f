package main

import "context"

// broadcastCmd is openline broadcast.
type broadcastCmd struct {
	message
}

// Run sends a message to everyone.
func (c *broadcastCmd) Run(ctx context.Context, s streams) error {
	return c.post(ctx, s, "/api/broadcast")
}
