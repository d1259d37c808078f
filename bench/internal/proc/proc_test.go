package proc

import (
	"os"
	"testing"
)

func TestParseRollup(t *testing.T) {
	m, err := parseRollup([]byte("55f5-7ffd ---p 00000000 00:00 0    [rollup]\nRss:                1668 kB\nPss:                 409 kB\nPss_Anon:            112 kB\n"))
	if err != nil || m.RSS != 1668<<10 || m.Anonymous != 112<<10 {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := parseRollup([]byte("Rss: 1 kB\n")); err == nil {
		t.Error("a file without Pss_Anon was taken")
	}
}

func TestOfThisProcess(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	x := uint64(1)
	for after := before; after == before; x = x*x + 3 { // it counts nanoseconds, so some work suffices
		if after, err = CPU(os.Getpid()); err != nil {
			t.Fatal(err)
		}
		if after < before {
			t.Fatalf("it ran backwards from %v to %v", before, after)
		}
	}
	m, err := Resident(os.Getpid())
	if err != nil || m.Anonymous <= 0 || m.RSS < m.Anonymous {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestServer(t *testing.T) {
	s, err := Start("/bin/sh", "-c", "echo hello; echo 127.0.0.1:80; while read -r order; do echo \"did $order\"; done")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if s.Address != "127.0.0.1:80" {
		t.Errorf("address %q", s.Address)
	}
	if got, err := s.Ask("free"); err != nil || got != "did free" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := s.CPU(); err != nil {
		t.Error(err)
	}
	if _, err := Start("/bin/sh", "-c", "exit 0"); err == nil {
		t.Error("a server without an address was taken")
	}
}
