package main

import (
	"fmt"
	"os"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/server"
)

// tokenCmd is openline token.
type tokenCmd struct {
	User    string        `arg:"" help:"Whose token."`
	TTL     time.Duration `name:"ttl" default:"1h" placeholder:"DURATION" help:"How long it is valid. Default: 1h."`
	Channel []string      `name:"channel" sep:"none" placeholder:"NAME" help:"A channel that the user is a member of, for namespaces that ask for members; one that ends in * stands for all that begin so. May be given more than once."`
	Secret  string        `placeholder:"SECRET" help:"The server's secret. Default: what the server would take ($$OPENLINE_TOKEN_HMAC_SECRET, or token.hmac_secret of the configuration)."`
	Config  string        `placeholder:"FILE" help:"YAML file of the server's configuration ($$OPENLINE_CONFIG)." type:"path"`
}

// Run prints a token.
func (c *tokenCmd) Run(s streams) error {
	if err := openline.CheckUser(c.User); err != nil {
		return usage("%v", err)
	}
	secret := c.Secret
	if secret == "" {
		config, _, err := server.Load(&server.Sources{File: c.Config, Environ: os.Environ()})
		if err != nil {
			return err
		}
		secret = config.Token.HMACSecret
	}
	if secret == "" {
		return usage("there is no secret to sign with: set OPENLINE_TOKEN_HMAC_SECRET, give --secret, or --config with the server's file; a server without one needs no token")
	}
	tokens, err := auth.NewTokens([]byte(secret))
	if err != nil {
		return usage("%v", err)
	}
	token, err := tokens.Sign(c.User, c.TTL, c.Channel...)
	if err != nil {
		return usage("%v", err)
	}
	fmt.Fprintln(s.out, token)
	return nil
}
