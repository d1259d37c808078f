package main

import (
	"context"
	"net/url"
)

// sendCmd is openline send.
type sendCmd struct {
	User string `arg:"" help:"To whom."`
	message
}

// Run sends a message to a user.
func (c *sendCmd) Run(ctx context.Context, s streams) error {
	return c.post(ctx, s, "/api/users/"+url.PathEscape(c.User)+"/messages")
}
