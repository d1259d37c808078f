package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/openline/openline/server"
)

// serveCmd is openline serve. Its flags but --config are the settings of the
// server, one for each.
type serveCmd struct {
	Config string `placeholder:"FILE" help:"YAML file of the configuration ($$OPENLINE_CONFIG)." type:"path"`

	kong.Plugins
	settings reflect.Value // of the struct in Plugins
}

func newServeCmd() serveCmd {
	var fields []reflect.StructField
	for i, f := range server.Fields() {
		help := f.Help
		if f.Default != "" {
			help += " Default: " + f.Default + "."
		}
		help += " ($$" + f.Env + ")"
		typ := reflect.TypeFor[*string]() // nil: not given
		if f.Switch() {
			typ = reflect.TypeFor[*bool]()
		}
		fields = append(fields, reflect.StructField{
			Name: "Setting" + strconv.Itoa(i),
			Type: typ,
			Tag:  reflect.StructTag(fmt.Sprintf("name:%q placeholder:%q help:%q", f.Flag, f.Placeholder, help)),
		})
	}
	settings := reflect.New(reflect.StructOf(fields))
	return serveCmd{Plugins: kong.Plugins{settings.Interface()}, settings: settings.Elem()}
}

// flags returns the settings that were given, by their path.
func (c *serveCmd) flags() map[string]string {
	given := make(map[string]string)
	for i, f := range server.Fields() {
		if value := c.settings.Field(i); !value.IsNil() {
			given[f.Path] = fmt.Sprint(value.Elem().Interface())
		}
	}
	return given
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	config, warnings, err := server.Load(&server.Sources{File: c.Config, Environ: os.Environ(), Flags: c.flags()})
	if err != nil {
		return err
	}
	srv, err := server.New(config)
	if err != nil {
		return err
	}
	welcome(s, srv, append(warnings, srv.Warnings()...))
	tuning, stop := context.WithCancel(ctx)
	defer stop()
	go srv.TuneMemory(tuning)
	return srv.Run(ctx)
}

// welcome prints what a person needs to begin.
func welcome(s streams, srv *server.Server, warnings []string) {
	url, key := srv.URL(), srv.GeneratedKey()
	page, bearer, env, token := url+"/", "$OPENLINE_API_KEY", "", ""
	if key != "" {
		page, bearer, env = page+"#key="+key, key, "OPENLINE_API_KEY="+key+" "
	}
	if url != defaultServer {
		env += "OPENLINE_SERVER=" + url + " "
	}
	if srv.NeedsToken() {
		token = "?token=TOKEN"
	}
	row := func(name, text string) { fmt.Fprintf(s.out, "  %-11s %s\n", name, text) }

	fmt.Fprintf(s.out, "openline %s at %s\n\n", version(), url)
	row("page", page)
	if key != "" {
		row("API key", key+"  (for this run; OPENLINE_API_KEY sets one that stays)")
	}
	if token != "" {
		row("token", "openline token alice  (makes the TOKEN below)")
	}
	row("JavaScript", `new WebSocket("ws`+strings.TrimPrefix(url, "http")+`/ws/alice`+token+`").onmessage = e => console.log(e.data)`)
	row("events", `curl -N "`+url+`/sse/alice`+token+`"`)
	row("curl", `curl -d '{"text":"hi"}' -H "Authorization: Bearer `+bearer+`" `+url+`/api/users/alice/messages`)
	row("openline", env+`openline send alice '{"text":"hi"}'`)
	for _, w := range warnings {
		fmt.Fprintf(s.out, "\nwarning: %s\n", w)
	}
	fmt.Fprintln(s.out)
}
