package main

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
)

// serveRaw is a TCP echo in Go, a goroutine for each connection: what the runtime and
// the system cost without a protocol.
func serveRaw(l net.Listener, _ *mode) error {
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			b := make([]byte, 64<<10)
			for {
				n, err := nc.Read(b)
				if err != nil {
					return
				}
				if _, err := nc.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}

//go:embed c/raw.c
var rawSource string

var errNoCompiler = errors.New("there is no C compiler here (cc)")

// buildC builds the echo in C into dir with the machine's compiler.
func buildC(dir string) (string, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return "", errNoCompiler
	}
	binary := filepath.Join(dir, "raw")
	cmd := exec.Command(cc, "-O2", "-o", binary, "-x", "c", "-")
	cmd.Stdin = strings.NewReader(rawSource)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cc: %w\n%s", err, out)
	}
	return binary, nil
}
