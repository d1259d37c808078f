package node

import (
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestAddressIn(t *testing.T) {
	for line, want := range map[string]string{
		"openline 1.2 at http://127.0.0.1:8080": "127.0.0.1:8080",
		"127.0.0.1:80":                          "127.0.0.1:80",
		"":                                      "",
		"  API key     abc":                     "",
		"  page        http://127.0.0.1/":       "",
	} {
		if got := addressIn(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestNode(t *testing.T) {
	script := `echo hello; echo at http://127.0.0.1:80; trap 'exit 3' TERM; echo PANIC: no >&2; while read -r order; do echo "did $order"; done`
	n, err := Start(exec.Command("/bin/sh", "-c", script), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Kill()
	if n.Address != "127.0.0.1:80" {
		t.Errorf("address %q", n.Address)
	}
	if got, err := n.Ask("this"); err != nil || got != "did this" {
		t.Errorf("got %q, %v", got, err)
	}
	files, err := n.Descriptors()
	if err != nil || !slices.Contains(files, "pipe") {
		t.Errorf("descriptors %q, %v", files, err)
	}
	lines, err := n.Complaints("panic")
	if err != nil || !slices.Equal(lines, []string{"PANIC: no"}) {
		t.Errorf("complaints %q, %v", lines, err)
	}
	if err := n.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := n.Wait(time.Minute); err == nil {
		t.Error("a process that was killed ended well")
	}
	if _, err := n.Ask("more"); err == nil {
		t.Error("a process that has ended answered")
	}
}

func TestEndsAtOnce(t *testing.T) {
	if n, err := Start(exec.Command("/bin/sh", "-c", "exit 0"), filepath.Join(t.TempDir(), "log")); err == nil {
		n.Kill()
		t.Error("a server without an address was taken")
	}
}
