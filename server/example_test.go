package server_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"

	"github.com/openline/openline"
	"github.com/openline/openline/server"
)

// A program that has Openline in it, on a free port of loopback.
func ExampleNew() {
	srv, err := server.New(&server.Config{
		Listen: "127.0.0.1:0",
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- srv.Run(ctx) }()

	got, err := srv.Hub().Send(ctx, "alice", openline.Publication{Data: []byte(`"hi"`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sessions reached:", got.Delivered)

	res, err := http.Get(srv.URL() + "/readyz")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", body)

	stop()
	fmt.Println(<-ended)
	// Output:
	// sessions reached: 0
	// {"status":"ready"}
	// <nil>
}

// The environment goes before the file, and a flag before both.
func ExampleLoad() {
	config, warnings, err := server.Load(&server.Sources{
		Environ: []string{"OPENLINE_LIMITS_PER_USER=5", "OPENLINE_LISTN=:80"},
		Flags:   map[string]string{"limits.per_user": "20"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.Limits.PerUser)
	fmt.Println(warnings[0])
	// Output:
	// 20
	// the variable OPENLINE_LISTN means nothing here; did you mean OPENLINE_LISTEN?
}
