package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/openline/openline/websocket/conformance/echo"
)

// Exit codes.
const (
	exitFailed = 1 // what was asked for did not work
	exitUsage  = 2 // what was asked for was not understood
)

// cli is the command line.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Run the server."`
	Send      sendCmd      `cmd:"" help:"Send a message to a user."`
	Publish   publishCmd   `cmd:"" help:"Publish a message to a channel."`
	Broadcast broadcastCmd `cmd:"" help:"Send a message to everyone."`
	Connect   connectCmd   `cmd:"" help:"Open a WebSocket, send lines from standard input and print what comes."`
	Conform   conformCmd   `cmd:"" help:"Hold a WebSocket server or client against the standards."`
	Bench     benchCmd     `cmd:"" help:"Load a server and measure it."`
	Token     tokenCmd     `cmd:"" help:"Make a signed token, for trying things."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// failure is an error with an exit code. Its text may be empty, when what went
// wrong has been printed already.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return f.text }

func usage(format string, args ...any) error {
	return &failure{exitUsage, fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) error {
	return &failure{exitFailed, fmt.Sprintf(format, args...)}
}

// exited carries kong's wish to exit, after help was printed.
type exited int

// dashHint says how to give data that looks like a flag: a number below zero.
func dashHint(args []string) string {
	if slices.Contains([]string{"send", "publish", "broadcast"}, args[0]) {
		for _, arg := range args[1:] {
			if len(arg) > 1 && arg[0] == '-' && '0' <= arg[1] && arg[1] <= '9' {
				return "; data that begins with a dash goes behind --: openline " + args[0] + " … -- " + arg
			}
		}
	}
	return ""
}

// run runs the command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
		default:
			panic(e)
		}
	}()
	c := &cli{Serve: newServeCmd()}
	parser, err := kong.New(c,
		kong.Name("openline"),
		kong.Description("An open line between a backend and the people who use it."),
		kong.Vars{"defaultServer": defaultServer, "drivers": strings.Join(echo.Drivers(), ","), "defaultDriver": echo.Drivers()[0]},
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		panic(err) // the structs above are wrong, whatever the arguments are
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	for i, arg := range args {
		if !utf8.ValidString(arg) { // the parser would change it
			fmt.Fprintf(s.err, "openline: argument %d is not UTF-8: %q\n", i+1, arg)
			return exitUsage
		}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.err, "openline: %v%s (openline --help says more)\n", err, dashHint(args))
		return exitUsage
	}
	if err := parsed.Run(); err != nil {
		if text := err.Error(); text != "" {
			fmt.Fprintf(s.err, "openline: %s\n", escapeLines(text))
		}
		if f, ok := errors.AsType[*failure](err); ok {
			return f.code
		}
		return exitFailed
	}
	return 0
}
