package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// clientCommand starts a client under test for each case.
type clientCommand struct {
	argv   []string
	caFile string
}

// commandGrace is how long a command's children may hold its output after it
// has ended.
const commandGrace = time.Second

// start runs the command with a URL until it ends or ctx does. The error is what
// it said before it ended with another status than 0.
func (c *clientCommand) start(ctx context.Context, url string) error {
	var argv []string
	placed := false
	for _, arg := range c.argv {
		placed = placed || strings.Contains(arg, "{}")
		argv = append(argv, strings.ReplaceAll(arg, "{}", url))
	}
	if !placed {
		argv = append(argv, url)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the command line's own words
	cmd.Env = append(os.Environ(), "OPENLINE_CONFORM_URL="+url, "SSL_CERT_FILE="+c.caFile, "NODE_EXTRA_CA_CERTS="+c.caFile)
	said := &lastWords{}
	cmd.Stderr = said
	cmd.WaitDelay = commandGrace
	endWithChildren(cmd)
	err := cmd.Run()
	endChildren(cmd)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		if text := said.String(); text != "" {
			return fmt.Errorf("%w: %s", exit, text)
		}
	}
	return err
}

// findCommand says whether there is such a program, before it is missed once for
// each case.
func findCommand(name string) error {
	if _, err := exec.LookPath(name); err != nil {
		return usage("the client cannot be started: %v; write the command behind --, its program first", err)
	}
	return nil
}

// lastWords keeps the end of what is written to it.
type lastWords struct{ b []byte }

// maxWords is how much of it.
const maxWords = 1 << 10

func (l *lastWords) Write(p []byte) (int, error) {
	l.b = append(l.b, p...)
	if over := len(l.b) - maxWords; over > 0 {
		l.b = append(l.b[:0], l.b[over:]...)
	}
	return len(p), nil
}

func (l *lastWords) String() string {
	return string(bytes.TrimSpace(bytes.ToValidUTF8(l.b, []byte("\uFFFD"))))
}
