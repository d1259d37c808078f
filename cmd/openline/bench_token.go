package main

import (
	"bytes"
	"context"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openline/openline/auth"
)

// benchTokenTTL is how long a signed token of a load is valid.
const benchTokenTTL = 24 * time.Hour

// tokens returns what makes a session's token, nil where none is wanted.
func (f *benchFlags) tokens(ctx context.Context) (func(session int) string, error) {
	switch {
	case f.TokenCommand != "":
		list, err := f.askTokens(ctx)
		if err != nil {
			return nil, err
		}
		return func(session int) string { return list[session] }, nil
	case f.TokenSecret != "":
		tokens, err := auth.NewTokens([]byte(f.TokenSecret))
		if err != nil {
			return nil, usage("--token-secret: %v", err)
		}
		return func(session int) string {
			token, err := tokens.Sign(f.User+strconv.Itoa(session), benchTokenTTL)
			if err != nil {
				return "none" // the name was checked before, so this is what the server will say
			}
			return token
		}, nil
	}
	return nil, nil
}

// askTokens runs the command for each user, several at a time.
func (f *benchFlags) askTokens(ctx context.Context) ([]string, error) {
	words := strings.Fields(f.TokenCommand)
	if len(words) == 0 {
		return nil, usage("--token-command names no command")
	}
	list := make([]string, f.Sessions)
	var next atomic.Int64
	var first error
	var once sync.Once
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(list) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				out, err := exec.CommandContext(ctx, words[0], append(words[1:len(words):len(words)], f.User+strconv.Itoa(i))...).Output()
				token := string(bytes.TrimSpace(out))
				switch {
				case err != nil:
					once.Do(func() { first = failed("--token-command: %v", err) })
				case token == "" || strings.ContainsAny(token, "\r\n "):
					once.Do(func() { first = failed("--token-command printed %q for %s%d, which is no token", token, f.User, i) })
				default:
					list[i] = token
					continue
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if first == nil {
		first = context.Cause(ctx)
	}
	return list, first
}
