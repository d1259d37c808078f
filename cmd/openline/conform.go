package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/internal/spell"
	"github.com/openline/openline/websocket/conformance"
)

// conformCmd is openline conform.
type conformCmd struct {
	Server conformServerCmd `cmd:"" help:"Play the client against a server that echoes."`
	Client conformClientCmd `cmd:"" help:"Play the server for a client that echoes."`
	Self   conformSelfCmd   `cmd:"" help:"Hold Openline's own WebSocket against the cases, both ends, strictly."`
	Echo   conformEchoCmd   `cmd:"" help:"Be the end that echoes, for suites from elsewhere."`
	List   conformListCmd   `cmd:"" help:"Print the requirements and their cases."`
}

// Help is what openline conform --help says beyond its flags.
func (conformCmd) Help() string {
	return `Cases for WebSocket (RFC 6455, RFC 7692, and the HTTP/1.1 in front of them) that any implementation can be held against. The end under test is an
echo: it sends each message back as it came. Cases that need more are skipped unless the end offers it; docs/conformance.md has the list.`
}

// choice is the flags that choose cases.
type choice struct {
	Select []string `sep:"none" placeholder:"NAME" help:"Only these cases: an id (WS-5.4-05/2, WS-5.4-05), a group (WS-5.4) or a section (RFC 6455 §5.4), or what these begin with (WS-5); may be given again."`
	Skip   []string `sep:"none" placeholder:"NAME" help:"Without these cases, named the same way; may be given again."`
	Level  []string `placeholder:"LEVEL" help:"Only these levels: MUST, SHOULD, hardening; may be given again. Default: MUST, with --strict all."`
}

// outside says why an item has no case, "" if that is not what the name means.
func outside(name string, groups []*conformance.Group) string {
	for _, g := range groups {
		for _, i := range g.Items {
			if i.ID == name {
				return i.Outside
			}
		}
	}
	return ""
}

// check says what is wrong with the flags.
func (c *choice) check(groups []*conformance.Group) error {
	for _, name := range slices.Concat(c.Select, c.Skip) {
		if !slices.ContainsFunc(allCases(groups), func(k *conformance.Case) bool { return k.Is(name) }) {
			if why := outside(name, groups); why != "" {
				return usage("%s has no case: %s", name, why)
			}
			return usage("no case is called %q%s (openline conform list prints all)", name, didYouMean(name, caseNames(groups)))
		}
	}
	_, err := c.levels(false)
	return err
}

// levels returns the levels to play.
func (c *choice) levels(strict bool) ([]conformance.Level, error) {
	var list []conformance.Level
	for _, name := range c.Level {
		l, err := conformance.ParseLevel(name)
		if err != nil {
			return nil, usage("--level: %v", strings.TrimPrefix(err.Error(), "conformance: "))
		}
		list = append(list, l)
	}
	switch {
	case len(list) > 0:
	case strict:
		list = []conformance.Level{conformance.Must, conformance.Should, conformance.Hardening}
	default:
		list = []conformance.Level{conformance.Must}
	}
	return list, nil
}

// of returns the chosen cases that an end can be played with.
func (c *choice) of(groups []*conformance.Group, actor conformance.Actor, levels []conformance.Level) []*conformance.Case {
	return slices.DeleteFunc(allCases(groups), func(k *conformance.Case) bool {
		binds := k.Server
		if actor == conformance.ClientActor {
			binds = k.Client
		}
		return !binds || !slices.Contains(levels, k.Level) ||
			len(c.Select) > 0 && !slices.ContainsFunc(c.Select, k.Is) || slices.ContainsFunc(c.Skip, k.Is)
	})
}

func allCases(groups []*conformance.Group) []*conformance.Case {
	var list []*conformance.Case
	for _, g := range groups {
		for _, i := range g.Items {
			list = append(list, i.Cases...)
		}
	}
	return list
}

// caseNames are names that a choice may have meant.
func caseNames(groups []*conformance.Group) []string {
	var list []string
	for _, g := range groups {
		list = append(list, g.ID, g.Section)
		for _, i := range g.Items {
			list = append(list, i.ID)
		}
	}
	return list
}

// didYouMean proposes the candidates that are nearest to a name.
func didYouMean(name string, candidates []string) string {
	least := 4 // further away it is another name
	var near []string
	for _, c := range slices.Compact(candidates) {
		switch d := spell.Distance(name, c); {
		case d < least:
			least, near = d, []string{c}
		case d == least && len(near) > 0 && len(near) < 4:
			near = append(near, c)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// playing is the flags of how cases are played.
type playing struct {
	choice
	Parallel int           `placeholder:"N" help:"So many cases at once. Default: 8, with clients that call in 1."`
	Timeout  time.Duration `default:"10s" placeholder:"DURATION" help:"How long a case may take that has no time of its own. Default: 10s."`
	Patience float64       `default:"1" placeholder:"FACTOR" help:"Multiplies every time limit, for slow machines. Default: 1."`
	With     []string      `placeholder:"FEATURE" help:"What the end under test offers besides the echo, or all; may be given again. Default: what a server says at /features, nothing for a client."`
}

// options returns what the flags mean.
func (p *playing) options(groups []*conformance.Group, strict bool) (*conformance.Options, error) {
	if err := p.check(groups); err != nil {
		return nil, err
	}
	levels, err := p.levels(strict)
	if err != nil {
		return nil, err
	}
	for _, f := range p.With {
		if known := append(conformance.Features(), "all"); !slices.Contains(known, f) {
			return nil, usage("--with: there is no feature %q%s; there are %s", f, didYouMean(f, known), strings.Join(known, ", "))
		}
	}
	if p.Parallel < 0 || p.Timeout <= 0 || p.Patience <= 0 {
		return nil, usage("--parallel, --timeout and --patience have to be above zero")
	}
	return &conformance.Options{
		Strict: strict, Select: p.Select, Skip: p.Skip, Levels: levels, Features: p.With,
		Parallel: p.Parallel, Timeout: p.Timeout, Patience: p.Patience,
	}, nil
}

// loadCases reads the cases, which are part of the program.
func loadCases() ([]*conformance.Group, error) {
	groups, err := conformance.Cases()
	if err != nil {
		return nil, fmt.Errorf("the cases cannot be read: %w", err)
	}
	return groups, nil
}
