package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/openline/openline/bench/internal/proc"
)

// serve is a server's process. It prints its address, and for each line it reads it
// collects garbage, gives free memory back and prints a line. It ends with its input.
func serve(name string) error {
	i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name })
	if i < 0 {
		return errors.New("there is no such server")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: contenders[i].handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()
	fmt.Println(l.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for range 3 { // what a pool holds survives one collection
			debug.FreeOSMemory()
		}
		fmt.Println("settled")
	}
	return errors.New("the input has ended")
}

// settle has the server collect its garbage and returns its resident memory.
func settle(s *proc.Server) (rss int64, err error) {
	if _, err := s.Ask("settle"); err != nil {
		return 0, err
	}
	m, err := proc.Resident(s.Pid)
	return m.RSS, err
}
