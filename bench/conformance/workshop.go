package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program is how an end under test is started: with the arguments of package
// end behind command.
type program struct {
	command []string
	version string
	// page: the program is a browser, which is given a page to open.
	page bool
}

// missingError says that the machine has not got what a peer needs.
type missingError struct{ what string }

func (e *missingError) Error() string { return e.what }

// workshop builds programs in a temporary folder.
type workshop struct {
	dir     string
	source  string // this command's folder
	commit  string // of the repository, as git describes it
	npmDone bool
	hosts   []string // what programs run in, with versions
}

func newWorkshop(ctx context.Context) (*workshop, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	out, err := output(ctx, "", "go", "list", "-f", "{{.Dir}}", "github.com/openline/openline/bench/conformance")
	if err != nil {
		return nil, fmt.Errorf("run this by go -C bench run ./conformance: %w", err)
	}
	commit, err := output(ctx, out, "git", "describe", "--always", "--tags", "--dirty")
	if err != nil {
		return nil, err
	}
	return &workshop{dir: dir, source: out, commit: commit}, nil
}

func (w *workshop) close() { _ = os.RemoveAll(w.dir) }

// output runs a command and returns what it prints.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// goProgram builds the folder beside this file, and takes its version from what
// the binary was made of.
func goProgram(folder, module, role string) func(context.Context, *workshop) (*program, error) {
	return func(ctx context.Context, w *workshop) (*program, error) {
		binary := filepath.Join(w.dir, folder)
		if _, err := output(ctx, w.source, "go", "build", "-o", binary, "./"+folder); err != nil {
			return nil, err
		}
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			return nil, err
		}
		p := &program{command: []string{binary, role}}
		for _, dep := range info.Deps {
			if dep.Path == module {
				p.version = strings.TrimPrefix(dep.Version, "v")
			}
		}
		return p, nil
	}
}

// openline is this repository's own end; its version is its commit.
func openline(role string) func(context.Context, *workshop) (*program, error) {
	return func(ctx context.Context, w *workshop) (*program, error) {
		p, err := goProgram("openline", "", role)(ctx, w)
		if err != nil {
			return nil, err
		}
		p.version = w.commit
		return p, nil
	}
}

// nodeProgram is a file in js.
func nodeProgram(pkg, file string) func(context.Context, *workshop) (*program, error) {
	return func(ctx context.Context, w *workshop) (*program, error) {
		dir := filepath.Join(w.source, "js")
		if _, err := exec.LookPath("node"); err != nil {
			return nil, &missingError{"there is no node here"}
		}
		if !w.npmDone {
			if _, err := output(ctx, dir, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
				return nil, err
			}
			w.npmDone = true
			version, err := output(ctx, "", "node", "--version")
			if err != nil {
				return nil, err
			}
			w.hosts = append(w.hosts, "Node "+strings.TrimPrefix(version, "v"))
		}
		data, err := os.ReadFile(filepath.Join(dir, "node_modules", pkg, "package.json"))
		if err != nil {
			return nil, err
		}
		var manifest struct{ Version string }
		if err := json.Unmarshal(data, &manifest); err != nil {
			return nil, err
		}
		return &program{command: []string{"node", filepath.Join(dir, file)}, version: manifest.Version}, nil
	}
}

// pythonProgram is a file in python, for the interpreter that has websockets:
// OPENLINE_PYTHON, Debian's own, or the first on PATH.
func pythonProgram(file string) func(context.Context, *workshop) (*program, error) {
	return func(ctx context.Context, w *workshop) (*program, error) {
		for _, python := range []string{os.Getenv("OPENLINE_PYTHON"), "/usr/bin/python3", "python3"} {
			if python == "" {
				continue
			}
			version, err := output(ctx, "", python, "-c", "import websockets.version; print(websockets.version.version)")
			if err == nil {
				host, err := output(ctx, "", python, "--version")
				if err == nil && !slices.Contains(w.hosts, host) {
					w.hosts = append(w.hosts, host)
				}
				return &program{command: []string{python, "-B", filepath.Join(w.source, "python", file)}, version: version}, nil
			}
		}
		return nil, &missingError{"there is no Python with websockets here (Debian: python3-websockets)"}
	}
}

// chromium opens the page that connects; CHROMIUM names another binary.
func chromium(ctx context.Context, w *workshop) (*program, error) {
	for _, binary := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		version, err := output(ctx, "", cmp.Or(binary, "chromium"), "--version")
		if err != nil {
			continue
		}
		number := ""
		for word := range strings.FieldsSeq(version) {
			if strings.Contains(word, ".") {
				number = word
				break
			}
		}
		return &program{page: true, version: number, command: []string{
			cmp.Or(binary, "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + filepath.Join(w.dir, "chromium"),
		}}, nil
	}
	return nil, &missingError{"there is no Chromium here"}
}
