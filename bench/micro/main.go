//go:build !measure

// Command micro measures how fast masking and the validation of UTF-8 are,
// beside other libraries' code for the same and beside copy, in one run:
//
//	cd bench && go run ./micro
//
// On a processor with AVX-512, MICRO_AVX2=1 in the environment measures what
// the others do, those with AVX2 alone.
//
// What it compares is not exported, neither here nor elsewhere. So it copies
// the other modules, as the module cache has them, into a temporary folder,
// adds one file to each that hands the function out, and builds the measuring
// part of this package (the files with the build tag measure) with these. No
// code of theirs is changed, and none becomes part of this repository.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// exports says which file hands out the masking function of each module.
var exports = map[string]string{
	"github.com/gorilla/websocket": `package websocket

func MicroMask(key [4]byte, pos int, b []byte) int { return maskBytes(key, pos, b) }
`,
	"github.com/coder/websocket": `package websocket

func MicroMask(b []byte, key uint32) uint32 { return mask(b, key) }
`,
	"github.com/lxzan/gws": `package gws

import "github.com/lxzan/gws/internal"

func MicroMask(b []byte, key []byte) { internal.MaskXOR(b, key) }
`,
}

// own is the same for package websocket of this repository.
const own = `package websocket

import (
	"github.com/openline/openline/websocket/internal/mask"
	"github.com/openline/openline/websocket/internal/utf8x"
)

func MicroMask(b []byte, key [4]byte, pos int) int { return mask.Apply(b, key, pos) }

func MicroMaskASCII(b []byte, key [4]byte, pos int) (int, bool) { return mask.ApplyASCII(b, key, pos) }

func MicroValid(b []byte) bool { return utf8x.Valid(b) }

func MicroValidator(b []byte) bool {
	var v utf8x.Validator
	return v.Write(b) && v.Complete()
}
`

// narrow makes package mask of this repository do without AVX-512 if the
// environment says so. It is for amd64 alone, where there is the choice.
const narrow = `//go:build !purego

package mask

import "os"

func init() { vector512 = vector512 && os.Getenv("MICRO_AVX2") == "" }
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			fmt.Fprintln(os.Stderr, "micro:", err)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	tmp, err := os.MkdirTemp("", "micro")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	// A go.mod of our own that puts the copies in place of the modules.
	mod := filepath.Join(tmp, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("run this in the folder bench: %w", err)
		}
		if err := os.WriteFile(filepath.Join(tmp, name), data, 0o600); err != nil {
			return err
		}
	}
	for module, source := range exports {
		var list struct{ Dir string }
		if err := golang(&list, "mod", "download", "-json", module); err != nil {
			return err
		}
		dir := filepath.Join(tmp, module)
		if err := os.CopyFS(dir, os.DirFS(list.Dir)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "micro.go"), []byte(source), 0o600); err != nil {
			return err
		}
		if err := golang(nil, "mod", "edit", "-replace="+module+"="+dir, mod); err != nil {
			return err
		}
	}

	// The same for our own packages, with files that exist for the build alone.
	replace := map[string]string{}
	for added, source := range map[string]string{
		"../websocket/micro.go":                     own,
		"../websocket/internal/mask/micro_amd64.go": narrow,
	} {
		added, err := filepath.Abs(added)
		if err != nil {
			return err
		}
		replace[added] = filepath.Join(tmp, filepath.Base(added))
		if err := os.WriteFile(replace[added], []byte(source), 0o600); err != nil {
			return err
		}
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return err
	}
	overlaid := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(overlaid, overlay, 0o600); err != nil {
		return err
	}

	binary := filepath.Join(tmp, "measure")
	if err := golang(nil, "build", "-modfile="+mod, "-overlay="+overlaid, "-tags=measure", "-o", binary, "./micro"); err != nil {
		return err
	}
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// golang runs the go command and decodes what it prints into answer, if that
// is not nil.
func golang(answer any, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go %s: %w", args[0], err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(out, answer)
}
