package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/openline/openline/server"
)

func TestBenchTransports(t *testing.T) {
	serve(t, &server.Config{})
	svg := filepath.Join(t.TempDir(), "chart.svg")
	args := []string{"transports", "--sessions=5", "--rate=100", "--time=200ms", "--poll-interval=30ms", "--svg=" + svg}
	r, _ := benchRun(t, 0, args...)
	if len(r.Transports) != 5 || r.Traffic != nil {
		t.Fatalf("%+v", r)
	}
	for i, d := range r.Transports {
		if d.Name != benchWays[i].name || d.Deliveries == 0 || d.Deliveries%5 != 0 || d.Down < 64 || d.OpenUp < 300 || d.OpenDown < 100 || d.Latency.Max <= 0 {
			t.Errorf("%+v", d)
		}
		if polls := i > 2; d.SaidUp < 90 || (d.SaidUp > 300) != (i > 0) || d.SaidDown < 40 || polls != (d.Requests > 0) || polls != (d.Up > 0) || d.Empty > 0 && !polls {
			t.Errorf("%+v", d)
		}
	}
	f, err := os.Open(svg)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	args = append(args, "--plain")
	if runtime.GOOS == "linux" {
		args = append(args, "--idle=8", "--settle=1ms", "--pid="+strconv.Itoa(os.Getpid()))
	}
	plain, _ := benchRun(t, 0, args...)
	for i, d := range plain.Transports {
		if d.OpenUp >= r.Transports[i].OpenUp {
			t.Errorf("%s: %v octets with few fields, %v with a browser's", d.Name, d.OpenUp, r.Transports[i].OpenUp)
		}
	}
	code, out, stderr := execute(t, "", append([]string{"bench"}, args...)...)
	for _, part := range []string{"WebSocket", "long poll", "Requests for a message", "Latency, p99, ms", "To open a session"} {
		if code != 0 || !strings.Contains(out, part) {
			t.Errorf("%d, no %q in %s%s", code, part, out, stderr)
		}
	}
}

// What other loads do they do over any transport.
func TestBenchOverEach(t *testing.T) {
	serve(t, &server.Config{})
	for i, how := range []string{"--transport=sse", "--transport=stream", "--transport=poll", "--transport=poll --poll-interval=20ms"} {
		args := append([]string{"fanout", "--sessions=6", "--publishers=2", "--messages=40", "--channel=c" + strconv.Itoa(i), "--user=u" + strconv.Itoa(i) + "-"}, strings.Fields(how)...)
		if r, _ := benchRun(t, 0, args...); r.Open.Ready != 6 || r.Traffic == nil || r.Traffic.Deliveries != 240 || r.Traffic.Lost != 0 || r.Traffic.Duplicates != 0 {
			t.Errorf("%s: %+v, traffic %+v", how, r, r.Traffic)
		}
		if runtime.GOOS == "linux" {
			self := "--pid=" + strconv.Itoa(os.Getpid())
			if r, _ := benchRun(t, 0, append([]string{"idle", "--sessions=8", "--settle=1ms", self, "--user=i" + strconv.Itoa(i) + "-"}, strings.Fields(how)...)...); len(r.Idle) != 2 || r.Open.Ready != 8 {
				t.Errorf("%s: %+v", how, r)
			}
		}
	}
}

func TestBenchTransportsUsage(t *testing.T) {
	t.Setenv("OPENLINE_API_KEY", testKey)
	srv := strings.TrimSuffix(t.TempDir(), "/")
	for args, want := range map[string]string{
		"transports --rate=0":                          "above zero",
		"transports --api-key=":                        "no API key",
		"connect --poll-interval=1s --server=":         "for --transport=poll",
		"connect --transport=carrier-pigeon":           "--transport",
		"transports --server=127.0.0.1:1 --svg=" + srv: "is openline serve running there?",
	} {
		if strings.HasSuffix(args, "--server=") {
			serve(t, &server.Config{})
			args = strings.TrimSuffix(args, " --server=")
		}
		if code, _, stderr := execute(t, "", append([]string{"bench"}, strings.Split(args, " ")...)...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d\n%s", args, code, stderr)
		}
	}
}
