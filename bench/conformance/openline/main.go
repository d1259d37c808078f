// Command openline is the echo of this repository, as openline conform echo
// serves it.
package main

import (
	"context"
	"net"
	"os"

	"github.com/openline/openline/websocket/conformance/echo"

	"github.com/openline/openline/bench/conformance/internal/end"
)

func main() { end.Main(serve, connect) }

func serve(l net.Listener) error {
	s, err := echo.New(nil)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

func connect(ctx context.Context, url string) error {
	return echo.Client(ctx, url, &echo.ClientOptions{CAFile: os.Getenv("SSL_CERT_FILE")})
}
