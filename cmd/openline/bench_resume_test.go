package main

import (
	"strings"
	"testing"

	"github.com/openline/openline/auth"
	"github.com/openline/openline/server"
)

func TestBenchResume(t *testing.T) {
	t.Setenv("BENCH_TEST_STORM", "1")
	secret := strings.Repeat("s", auth.MinSecret)
	serve(t, &server.Config{Token: server.TokenConfig{HMACSecret: secret}})
	args := []string{"resume", "--sessions=30", "--missed=200", "--subscribers=5", "--publishers=3", "--rate=500", "--around=50ms", "--token-secret=" + secret}
	r, _ := benchRun(t, 0, args...)
	s := r.Resume
	if s == nil || s.Whole != 30 || s.Deliveries != 6000 || s.Lost+s.Duplicates+s.Disordered+s.Gaps != 0 || len(s.Refused)+len(s.Cut) != 0 || s.Wait.Max <= 0 {
		t.Fatalf("%+v", s)
	}
	if len(s.Live) != 3 || s.Live[0].Messages == 0 || s.Live[2].Messages == 0 || s.Live[2].Latency.Max <= 0 || r.Traffic == nil || r.Traffic.Lost != 0 {
		t.Errorf("%+v, traffic %+v", s.Live, r.Traffic)
	}
	code, out, stderr := execute(t, "", append([]string{"bench"}, args...)...)
	for _, part := range []string{"30 of 30 sessions with all of 200 messages", "lost 0, twice 0, out of order 0; 0 sys:gap", "before ", "during ", "after ", "ratio "} {
		if code != 0 || !strings.Contains(out, part) {
			t.Errorf("%d, no %q in %s%s", code, part, out, stderr)
		}
	}
}

// A history that does not reach so far is said to be short.
func TestBenchResumeWithGaps(t *testing.T) {
	t.Setenv("BENCH_TEST_STORM", "1")
	serve(t, &server.Config{Namespaces: map[string]server.NamespaceConfig{"short": {History: server.HistoryConfig{Size: 20}}}})
	r, says := benchRun(t, 1, "resume", "--channel=short:x", "--sessions=4", "--missed=50", "--subscribers=2", "--rate=100", "--around=10ms")
	if s := r.Resume; s == nil || s.Whole != 0 || s.Gaps != 4 || s.Lost != 120 || !strings.Contains(says, "4 of 4 sessions that came back do not have every message") {
		t.Errorf("%+v\n%s", s, says)
	}
}
