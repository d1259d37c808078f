package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/auth"
	"github.com/openline/openline/server"
)

// benchRun runs openline bench with --json and returns what it found.
func benchRun(t *testing.T, want int, args ...string) (r benchReport, stderr string) {
	t.Helper()
	code, out, stderr := execute(t, "", append(append([]string{"bench"}, args...), "--json")...)
	if code != want {
		t.Errorf("%q: %d, want %d\n%s\n%s", args, code, want, out, stderr)
	}
	if out != "" {
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%q: %v in %s", args, err, out)
		}
	}
	return r, stderr
}

func TestBenchFanout(t *testing.T) {
	serve(t, &server.Config{})
	r, _ := benchRun(t, 0, "fanout", "--sessions=20", "--publishers=3", "--messages=30", "--time=20s", "--channel=a/b")
	d := r.Traffic
	if r.Open.Ready != 20 || d == nil || d.Published != 30 || d.Deliveries != 600 || d.Lost != 0 || d.Duplicates != 0 || r.Interrupted {
		t.Errorf("%+v, traffic %+v", r, d)
	}
	if d.Requests <= 0 || d.PerSecond <= 0 || d.Latency.Max <= 0 || d.Latency.P50 > d.Latency.P999 || d.Answer.Max <= 0 {
		t.Errorf("traffic %+v", d)
	}
	code, out, stderr := execute(t, "", "bench", "fanout", "--sessions=3", "--messages=2", "--rate=1000")
	for _, part := range []string{"3 of 3 ready", "published   2 messages", "delivered   6 messages", "lost 0", "p99.9"} {
		if code != 0 || !strings.Contains(out, part) {
			t.Errorf("%d, no %q in %s%s", code, part, out, stderr)
		}
	}
}

// Two loads on one channel hear each other and do not mistake each other's messages
// for their own.
func TestBenchBesideAnother(t *testing.T) {
	serve(t, &server.Config{})
	other := start(t, "bench", "fanout", "--sessions=2", "--user=other-", "--rate=500", "--time=1h", "--json")
	alice := start(t, "connect", "ws"+strings.TrimPrefix(os.Getenv("OPENLINE_SERVER"), "http")+"/ws/alice?channels=bench")
	alice.out.await(t, `"channel":"bench"`)
	r, _ := benchRun(t, 0, "fanout", "--sessions=3", "--messages=50", "--rate=500")
	if r.Traffic.Deliveries != 150 {
		t.Errorf("%+v", r.Traffic)
	}
	other.stop()
	other.ended(t)
	other.out.await(t, `"lost": 0`)
	other.out.await(t, `"duplicates": 0`)
}

func TestBenchUnicast(t *testing.T) {
	serve(t, &server.Config{})
	r, _ := benchRun(t, 0, "unicast", "--sessions=7", "--publishers=3", "--messages=40", "--size=500", "--user=someone.")
	if d := r.Traffic; d == nil || d.Published != 40 || d.Deliveries != 40 || d.Lost != 0 {
		t.Errorf("traffic %+v", d)
	}
}

func TestBenchConnect(t *testing.T) {
	serve(t, &server.Config{Limits: server.LimitsConfig{Connections: 15}})
	r, _ := benchRun(t, 0, "connect", "--sessions=10", "--dialling=3")
	if r.Open.Ready != 10 || r.Open.Wait.Max <= 0 || r.Traffic != nil || r.Open.Server != nil {
		t.Errorf("%+v", r)
	}
	r, says := benchRun(t, 1, "connect", "--sessions=40", "--user=other-")
	refused := 0
	for why, n := range r.Open.Refused {
		if strings.HasPrefix(why, "HTTP 503: ") {
			refused += n
		}
	}
	if r.Open.Ready+refused != 40 || refused < 25 || !strings.Contains(says, "sessions could not be opened") {
		t.Errorf("%+v\n%s", r.Open, says)
	}
}

func TestBenchProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what a process uses is read on Linux")
	}
	serve(t, &server.Config{})
	self := "--pid=" + strconv.Itoa(os.Getpid())
	r, _ := benchRun(t, 0, "idle", "--sessions=8", "--settle=1ms", self)
	if len(r.Idle) != 2 || r.Idle[0].Sessions != 2 || r.Idle[1].Sessions != 8 || r.Idle[1].Bytes <= 0 || r.Open.Ready != 8 {
		t.Errorf("%+v", r)
	}
	r, _ = benchRun(t, 0, "fanout", "--sessions=8", "--messages=10", self)
	if d := r.Traffic; d.Server == nil || d.Server.CPU <= 0 || d.PerMillion <= 0 || d.PerRequest <= 0 || d.DeliveryCPU <= 0 || r.Open.Server == nil {
		t.Errorf("%+v", r)
	}
}

func TestBenchTokens(t *testing.T) {
	secret := strings.Repeat("s", auth.MinSecret)
	serve(t, &server.Config{Token: server.TokenConfig{HMACSecret: secret}})
	_, says := benchRun(t, 1, "connect", "--sessions=2")
	if !strings.Contains(says, "no session could be opened: HTTP 401: ") {
		t.Errorf("without a token: %s", says)
	}
	if r, _ := benchRun(t, 0, "connect", "--sessions=5", "--token-secret="+secret); r.Open.Ready != 5 {
		t.Errorf("with the secret: %+v", r.Open)
	}
	if runtime.GOOS == "windows" {
		return // what follows is a shell script
	}
	dir := t.TempDir()
	tokens, err := auth.NewTokens([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"bench-0", "bench-1"} {
		token, err := tokens.Sign(user, time.Hour)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, user), []byte(token+"\n"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(dir, "token")
	if err := os.WriteFile(script, []byte("cat \"$1/$2\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := "--token-command=sh " + script + " " + dir
	if r, _ := benchRun(t, 0, "connect", "--sessions=2", command); r.Open.Ready != 2 {
		t.Errorf("with a command: %+v", r.Open)
	}
	if _, says := benchRun(t, 1, "connect", "--sessions=3", command); !strings.Contains(says, "--token-command: exit status 1") {
		t.Errorf("a command that fails: %s", says)
	}
	if _, says := benchRun(t, 1, "connect", "--sessions=2", "--token-command=echo two words"); !strings.Contains(says, "which is no token") {
		t.Errorf("a command that prints something else: %s", says)
	}
}

// Over TLS, through a proxy with a path of its own, with a certificate that nobody
// vouches for.
func TestBenchTLS(t *testing.T) {
	s, err := server.New(&server.Config{Listen: "127.0.0.1:0", APIKeys: []string{testKey}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/line/", http.StripPrefix("/line", s))
	srv := httptest.NewTLSServer(mux)
	defer srv.Close()
	t.Setenv("OPENLINE_SERVER", srv.URL+"/line")
	t.Setenv("OPENLINE_API_KEY", testKey)
	if _, says := benchRun(t, 1, "connect", "--sessions=1"); !strings.Contains(says, "certificate") {
		t.Errorf("the certificate is taken: %s", says)
	}
	r, _ := benchRun(t, 0, "fanout", "--sessions=5", "--messages=4", "--insecure-skip-verify")
	if r.Traffic == nil || r.Traffic.Deliveries != 20 {
		t.Errorf("%+v", r.Traffic)
	}
}

func TestBenchInterrupted(t *testing.T) {
	serve(t, &server.Config{})
	alice := start(t, "connect", "ws"+strings.TrimPrefix(os.Getenv("OPENLINE_SERVER"), "http")+"/ws/alice?channels=bench")
	alice.out.await(t, `"sys:open"`)
	b := start(t, "bench", "fanout", "--sessions=3", "--rate=100", "--time=1h")
	alice.out.await(t, `"channel":"bench"`)
	b.stop()
	if code := b.ended(t); code != exitFailed {
		t.Errorf("the code is %d", code)
	}
	b.err.await(t, "ended before its time")
	b.out.await(t, "lost 0, twice or out of order 0")
}

func TestBenchUsage(t *testing.T) {
	t.Setenv("OPENLINE_API_KEY", testKey)
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"fanout --api-key=":                            {2, "no API key: set OPENLINE_API_KEY"},
		"fanout --server=127.0.0.1:1":                  {1, "is openline serve running there?"},
		"fanout --server=ftp://x":                      {2, "not an address"},
		"fanout --publishers=0":                        {2, "above zero"},
		"unicast --time=-1s":                           {2, "above zero"},
		"connect --sessions=0":                         {2, "begin at 1"},
		"connect --sessions=2000000000":                {2, "sessions fit: lower --sessions"},
		"connect --user=a*":                            {2, "--user: "},
		"connect --channel=@x":                         {2, "--channel: "},
		"connect --token-secret=short --server=SERVER": {2, "--token-secret: "},
		"idle":                      {2, "--pid is missing"},
		"idle --pid=1 --sessions=3": {2, "--from is at least 1"},
		"idle --pid=1000000000":     {2, "--pid: load: "},
		"connect --token-command=\u00a0 --server=SERVER": {2, "names no command"},
		"resume --missed=0": {2, "above zero"},
		"resume --api-key=": {2, "no API key"},
	} {
		if strings.Contains(args, "SERVER") {
			srv := httptest.NewServer(http.NotFoundHandler())
			defer srv.Close()
			args = strings.ReplaceAll(args, "SERVER", srv.URL)
		}
		code, out, stderr := execute(t, "", append([]string{"bench"}, strings.Split(args, " ")...)...)
		if code != want.code || out != "" || !strings.Contains(stderr, want.says) {
			t.Errorf("%s: %d\n%s\n%s", args, code, out, stderr)
		}
	}
}

func TestBenchRefused(t *testing.T) {
	serve(t, &server.Config{})
	if _, says := benchRun(t, 1, "fanout", "--sessions=1", "--api-key=wrong"); !strings.Contains(says, "401: The API key is not one of this server's.") {
		t.Errorf("a wrong key: %s", says)
	}
	r, says := benchRun(t, 1, "unicast", "--sessions=1", "--size=2000000", "--messages=2")
	if r.Traffic == nil || len(r.Traffic.Refused) == 0 || !strings.Contains(says, "refused messages") {
		t.Errorf("messages that are too large: %+v\n%s", r.Traffic, says)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestBenchProgress(t *testing.T) {
	var b strings.Builder
	p := &benchProgress{w: &b}
	p.open(50, 200)
	p.publish(2*time.Second, time.Second, 4000)
	p.end()
	p.end()
	if want := "\r\x1b[Kopening    " + strings.Repeat("█", 7) + strings.Repeat("░", 23) + " 50 of 200 sessions" +
		"\r\x1b[Kpublishing " + strings.Repeat("█", 30) + " 4,000 deliveries, 2,000 a second" + "\r\x1b[K"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}
