package interop

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestNodeWS(t *testing.T) {
	program := node(t, "ws")
	t.Run("as client", func(t *testing.T) { scriptClient(t, "ws", nil, program, "ws.mjs", "client") })
	t.Run("as server", func(t *testing.T) { scriptServer(t, "ws", nil, program, "ws.mjs", "server") })
}

func TestUndici(t *testing.T) {
	program := node(t, "undici")
	scriptClient(t, "undici", map[string]string{
		"ping":      "the WebSocket of browsers has no ping of its own",
		"fragments": "the WebSocket of browsers sends whole messages",
	}, program, "undici.mjs")
}

func TestPythonWebsockets(t *testing.T) {
	program := python(t)
	t.Run("as client", func(t *testing.T) { scriptClient(t, "websockets", nil, program, "websockets_peer.py", "client") })
	t.Run("as server", func(t *testing.T) { scriptServer(t, "websockets", nil, program, "websockets_peer.py", "server") })
}

// python finds an interpreter that has websockets: OPENLINE_PYTHON, Debian's own, or the first on PATH.
func python(t *testing.T) string {
	for _, p := range []string{os.Getenv("OPENLINE_PYTHON"), "/usr/bin/python3", "python3"} {
		if p != "" && exec.CommandContext(t.Context(), p, "-c", "import websockets").Run() == nil {
			return p
		}
	}
	t.Skip("Python's websockets is not installed (Debian: python3-websockets)")
	return ""
}

func scriptClient(t *testing.T, name string, cannot map[string]string, command ...string) {
	run(t, asServer(name, cannot, start(t, command...).dial))
}

func scriptServer(t *testing.T, name string, cannot map[string]string, command ...string) {
	s := start(t, command...)
	port := s.expect(t, "listening").Port
	run(t, asClient(name, cannot, fmt.Sprintf("ws://127.0.0.1:%d/", port), func(t *testing.T) end {
		return s.hold(t, s.expect(t, "open"))
	}))
}
