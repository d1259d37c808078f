package main

import (
	"fmt"
	"slices"

	"github.com/openline/openline/websocket/conformance"
)

// conformListCmd is openline conform list.
type conformListCmd struct {
	choice
	Actor string `enum:"both,server,client" default:"both" placeholder:"END" help:"Only what binds this end: server or client. Default: both."`
}

// Run prints a line for each requirement and one for each of its cases.
func (c *conformListCmd) Run(s streams) error {
	groups, err := loadCases()
	if err != nil {
		return err
	}
	if err := c.check(groups); err != nil {
		return err
	}
	levels, err := c.levels(true)
	if err != nil {
		return err
	}
	var chosen []*conformance.Case
	if c.Actor != "client" {
		chosen = c.of(groups, conformance.ServerActor, levels)
	}
	if c.Actor != "server" {
		chosen = append(chosen, c.of(groups, conformance.ClientActor, levels)...)
	}
	row := func(id string, server, client bool, level conformance.Level, text string) {
		ends := "both"
		if !server || !client {
			ends = map[bool]string{true: "server", false: "client"}[server]
		}
		fmt.Fprintf(s.out, "%-14s %-6s %-9s %s\n", id, ends, level, text)
	}
	for _, g := range groups {
		for _, i := range g.Items {
			cases := slices.DeleteFunc(slices.Clone(i.Cases), func(k *conformance.Case) bool { return !slices.Contains(chosen, k) })
			if len(cases) == 0 {
				continue
			}
			row(i.ID, i.Server, i.Client, i.Level, i.Rule)
			for _, k := range cases {
				row(k.ID, k.Server, k.Client, k.Level, "  "+k.Name)
			}
		}
	}
	return nil
}
