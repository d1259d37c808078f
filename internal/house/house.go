// Package house keeps the order in which this module's packages may import each other: its test reads the imports of every
// file and compares them with the table below. ARCHITECTURE.md draws the same order and says why.
package house

// A room is one folder of the module and what its packages may import besides the standard library.
type room struct {
	folder string   // relative to the module's root; the packages in folders below it belong to it, unless they have a room themselves
	uses   []string // external modules, by the prefix of their import paths
	tests  []string // folders of this module that only its tests may import, although they do not stand below it
}

// floors lists the rooms from the top of the house to the bottom. A package imports only what stands on a floor below its own, or what
// belongs to the same room; rooms on one floor do not see each other.
var floors = [][]room{
	{
		{folder: "cmd/openline", uses: []string{"github.com/alecthomas/kong"}},
		{folder: "docs"}, // only a test
		{folder: "internal/house"},
	},
	{{folder: "server", uses: []string{"github.com/goccy/go-yaml"}}},
	{{folder: "api"}, {folder: "console"}, {folder: "js"}},
	{{folder: "transport"}},
	{{folder: "auth", uses: []string{"github.com/golang-jwt/jwt/v5"}}},
	{{folder: "."}},
	{{folder: "internal/spell"}, {folder: "internal/chart"}},
	{{folder: "internal/load", uses: []string{"golang.org/x/sys"}}}, // sees nothing of what it measures
	{{folder: "client", tests: []string{"server"}}},                 // speaks the protocol; it shares no code with the hub
	{{folder: "websocket/conformance/echo", tests: []string{"websocket/wstest"}}},
	{{folder: "websocket/wstest"}},
	{{folder: "websocket", tests: []string{"websocket/wstest"}}},
	{
		{folder: "websocket/http1"},
		{folder: "websocket/internal/handshake"},
		{folder: "websocket/internal/poll", uses: []string{"golang.org/x/sys"}},
		{folder: "websocket/internal/proto", tests: []string{"websocket", "websocket/wstest"}}, // its scripts are wstest's
	},
	{{folder: "websocket/internal/deflate"}, {folder: "websocket/internal/frame"}, {folder: "websocket/internal/utf8x", uses: []string{"golang.org/x/sys"}}},
	{
		{folder: "websocket/internal/mask", uses: []string{"golang.org/x/sys"}},
		// The suite shares no code with what it judges, nor do its mutants with the suite.
		{folder: "websocket/conformance", tests: []string{"websocket/conformance/echo", "websocket/conformance/internal/mutant"}},
		{folder: "websocket/conformance/internal/mutant"},
		{folder: "test/nginx", tests: []string{"server", "websocket"}}, // for anybody's tests
	},
}
