package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two servers, one after the other, are one to a session that comes back.
func TestHistoryFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	first := start(t, &Config{HistoryFile: path})
	var ids []string
	for i := range 3 {
		_, got := first.call("POST", "/api/channels/a/messages", fmt.Sprint(i), "Idempotency-Key", fmt.Sprint("k", i))
		ids = append(ids, got["id"].(string))
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	second := start(t, &Config{HistoryFile: path})
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there while the server runs")
	}
	s := second.dial("/ws/alice?channels=a&since="+ids[0], nil)
	for _, want := range []string{`"resumed":true`, `"id":"` + ids[1], `"id":"` + ids[2]} {
		if _, got := s.read(); !strings.Contains(string(got), want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, got := second.call("POST", "/api/channels/a/messages", "2", "Idempotency-Key", "k2"); got["id"] != ids[2] || got["duplicate"] != true {
		t.Errorf("%v", got)
	}
}

func TestHistoryFileFaults(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		damaged:                            "Remove it to begin anew",
		filepath.Join(dir, "none", "file"): "server: history_file: ",
		dir:                                "server: history_file: ",
	} {
		_, err := New(&Config{Listen: "127.0.0.1:0", HistoryFile: path})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
	if _, err := os.Stat(damaged); err != nil {
		t.Error(err) // somebody may want to look at it
	}
	left, err := filepath.Glob(filepath.Join(dir, ".openline-history-*"))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
	// A server that is never run leaves the file to the next one.
	path := filepath.Join(dir, "file")
	for range 2 {
		s, err := New(&Config{Listen: "127.0.0.1:0", HistoryFile: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
