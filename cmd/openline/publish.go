package main

import (
	"context"
	"net/url"
)

// publishCmd is openline publish.
type publishCmd struct {
	Channel string `arg:"" help:"Where."`
	message
}

// Run publishes a message to a channel.
func (c *publishCmd) Run(ctx context.Context, s streams) error {
	return c.post(ctx, s, "/api/channels/"+url.PathEscape(c.Channel)+"/messages")
}
