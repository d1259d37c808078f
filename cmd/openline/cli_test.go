package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline/auth"
	"github.com/openline/openline/server"
)

const testKey = "key-of-the-test-backend"

// guard bounds a wait that would otherwise hang a failing test.
const guard = 20 * time.Second

// TestMain takes the surroundings' settings away.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_TEST_STORM") != "" { // openline bench resume has started itself
		os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OPENLINE_") {
			os.Unsetenv(name)
		}
	}
	if code, asked := runAsClient(); asked {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// output is what a command prints, by whatever goroutine.
type output struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{}
}

func newOutput() *output { return &output{grown: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.grown <- struct{}{}:
	default:
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await returns what pattern finds in the output, once it does.
func (o *output) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(guard)
	for {
		if found := re.FindStringSubmatch(o.String()); found != nil {
			return found
		}
		select {
		case <-o.grown:
		case <-deadline:
			t.Fatalf("no %s in %q", pattern, o)
		}
	}
}

// execute runs a command line to its end.
func execute(t *testing.T, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	o, e := newOutput(), newOutput()
	code = run(t.Context(), args, streams{strings.NewReader(stdin), o, e})
	return code, o.String(), e.String()
}

// started is a command line that goes on.
type started struct {
	in       *io.PipeWriter
	out, err *output
	stop     context.CancelFunc
	code     chan int
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, w := io.Pipe()
	s := &started{in: w, out: newOutput(), err: newOutput(), stop: cancel, code: make(chan int, 1)}
	go func() { s.code <- run(ctx, args, streams{in, s.out, s.err}) }()
	t.Cleanup(func() {
		cancel()
		w.Close()
		if t.Failed() {
			t.Logf("%q\nout: %s\nerr: %s", args, s.out, s.err)
		}
	})
	return s
}

// ended returns the exit code.
func (s *started) ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.code:
		return code
	case <-time.After(guard):
		t.Fatal("the command does not end")
		return -1
	}
}

// serve runs a server in the test's process and has the commands find it.
func serve(t *testing.T, c *server.Config) *server.Server {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	c.APIKeys = []string{testKey}
	c.Log.Level = "error"
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Setenv("OPENLINE_SERVER", s.URL())
	t.Setenv("OPENLINE_API_KEY", testKey)
	return s
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args      []string
		code      int
		out, says string
	}{
		{nil, 0, "Usage: openline <command>", ""},
		{[]string{"--help"}, 0, "serve", ""},
		{[]string{"serve", "--help"}, 0, "--limits-messages-per-second", ""},
		{[]string{"serve", "--help"}, 0, "($OPENLINE_TOKEN_HMAC_SECRET)", ""},
		{[]string{"connect", "--help"}, 0, "one text message", ""},
		{[]string{"srve"}, 2, "", "unexpected argument srve"},
		{[]string{"serve", "--lisen", "x"}, 2, "", `did you mean "--listen"`},
		{[]string{"send"}, 2, "", "<user>"},
		{[]string{"token", "alice", "--ttl", "soon"}, 2, "", "--ttl"},
	} {
		code, out, err := execute(t, "", test.args...)
		if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(err, test.says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", test.args, code, out, err)
		}
	}
}

func TestServeRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "openline.yaml")
	if err := os.WriteFile(file, []byte("limits:\n  per_usr: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--listen", "0.0.0.0:0"}, "refusing to listen on 0.0.0.0:0"},
		{[]string{"--listen", ":0", "--api-keys", "k"}, "token.hmac_secret is not set"},
		{[]string{"--config", file}, file + ":2:3: unknown field limits.per_usr; did you mean limits.per_user?"},
		{[]string{"--config", file + "x"}, "no such file"},
		{[]string{"--ping", "soon"}, `--ping: "soon" is not a duration`},
	} {
		code, out, err := execute(t, "", append([]string{"serve"}, test.args...)...)
		if code != 1 || out != "" || !strings.Contains(err, test.says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", test.args, code, out, err)
		}
	}
}

// A fresh server says all that it takes to send the first message.
func TestServe(t *testing.T) {
	s := start(t, "serve", "--listen=127.0.0.1:0", "--log-level=error")
	found := s.out.await(t, `openline \S+ at (http://127\.0\.0\.1:\d+)\n(?s:.*)\n  openline .*\n`)
	url, text := found[1], found[0]
	key := regexp.MustCompile(`API key +(ol_\w+) `).FindStringSubmatch(text)
	if key == nil {
		t.Fatalf("no key in %s", text)
	}
	for _, line := range []string{
		"page        " + url + "/#key=" + key[1],
		`new WebSocket("ws` + strings.TrimPrefix(url, "http") + `/ws/alice").onmessage`,
		`curl -d '{"text":"hi"}' -H "Authorization: Bearer ` + key[1] + `" ` + url + `/api/users/alice/messages`,
		`OPENLINE_API_KEY=` + key[1] + ` OPENLINE_SERVER=` + url + ` openline send alice '{"text":"hi"}'`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	code, out, err := execute(t, "", "send", "--server="+url, "--api-key="+key[1], "alice", "1")
	if code != 0 || !strings.Contains(out, `"delivered":0`) {
		t.Errorf("%d %s %s", code, out, err)
	}
	s.stop()
	if code := s.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestServeConfigured(t *testing.T) {
	t.Setenv("OPENLINE_API_KEY", testKey)
	t.Setenv("OPENLINE_TOKEN_HMAC_SECRET", strings.Repeat("s", auth.MinSecret))
	t.Setenv("OPENLINE_LISTN", ":1")
	s := start(t, "serve", "--listen=127.0.0.1:0", "--log-level=error")
	text := s.out.await(t, `(?s)openline .*warning: .*\n`)[0]
	for _, says := range []string{"/ws/alice?token=TOKEN", "openline token alice", "Bearer $OPENLINE_API_KEY", "did you mean OPENLINE_LISTEN?"} {
		if !strings.Contains(text, says) {
			t.Errorf("no %s in\n%s", says, text)
		}
	}
	if strings.Contains(text, testKey) || strings.Contains(text, "ssss") {
		t.Errorf("a configured secret is printed:\n%s", text)
	}
}

func TestSend(t *testing.T) {
	serve(t, &server.Config{})
	alice := start(t, "connect", "ws"+strings.TrimPrefix(os.Getenv("OPENLINE_SERVER"), "http")+"/ws/alice?channels=a/b")
	alice.out.await(t, `"sys:open"`)
	for i, test := range []struct {
		stdin string
		args  []string
		data  string
	}{
		{"", []string{"send", "alice", `{"n":0}`}, `{"n":0}`},
		{"{\"n\": 1}\n", []string{"send", "alice"}, `{"n": 1}`},
		{"[2]", []string{"publish", "a/b", "-"}, `[2]`},
		{"", []string{"broadcast", "3", "--type", "notice"}, `3`},
		{"", []string{"send", "alice", "--text", `<4> "x"`}, `"<4> \"x\""`},
		{"five\n", []string{"send", "alice", "--text"}, `"five"`},
	} {
		code, out, err := execute(t, test.stdin, test.args...)
		if code != 0 || !strings.Contains(out, `"delivered":1`) || err != "" {
			t.Errorf("%d: %d %s %s", i, code, out, err)
		}
		alice.out.await(t, `"data":`+regexp.QuoteMeta(test.data))
	}
	alice.out.await(t, `"type":"notice"`)

	_, first, _ := execute(t, "", "send", "alice", "6", "--key", "k")
	_, again, _ := execute(t, "", "send", "alice", "6", "--key", "k")
	if !strings.Contains(again, `"duplicate":true`) || first[:15] != again[:15] {
		t.Errorf("%s, then %s", first, again)
	}
	if code, out, err := execute(t, "", "send", "alice", "7", "--wait", "--timeout=1ms"); code != 1 || !strings.Contains(out, `"acknowledged":false`) || !strings.Contains(err, "no session has acknowledged") {
		t.Errorf("%d %s %s", code, out, err)
	}
	done := make(chan string)
	go func() {
		code, out, err := execute(t, "", "send", "alice", "8", "--wait", "--timeout=1m")
		done <- fmt.Sprint(code, out, err)
	}()
	fmt.Fprintf(alice.in, "{\"type\":\"ack\",\"id\":%q}\n", alice.out.await(t, `"id":"([^"]*)"[^\n]*"data":8`)[1])
	if got := <-done; !strings.HasPrefix(got, "0") || !strings.Contains(got, `"acknowledged":true`) {
		t.Error(got)
	}
}

func TestSendRefused(t *testing.T) {
	serve(t, &server.Config{})
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	for _, test := range []struct {
		stdin string
		args  []string
		code  int
		says  string
	}{
		{"", []string{"send", "alice", "hi"}, 2, `not JSON at byte 0: invalid character 'h' looking for beginning of value; a string needs quotes of its own, '"text"', or --text`},
		{"", []string{"send", "alice", `{"a":1,}`}, 2, "at byte 7"},
		{" \n", []string{"send", "alice"}, 2, "there is no data"},
		{"", []string{"send", "a b", "1"}, 1, "400 Bad Request: A user's name has 1 to 128 bytes"},
		{"", []string{"publish", "@alice", "1"}, 1, "403 Forbidden"},
		{"", []string{"broadcast", "1", "--api-key=wrong"}, 1, "401 Unauthorized: The API key is not one of this server's."},
		{"", []string{"broadcast", "1", "--api-key="}, 2, "no API key: set OPENLINE_API_KEY"},
		{"", []string{"broadcast", "1", "--server=ftp://x"}, 2, "not an address"},
		{"", []string{"broadcast", "1", "--timeout=1s"}, 2, "give --wait beside it"},
		{"", []string{"broadcast", "1", "--wait", "--timeout=2m"}, 1, "400 Bad Request: The timeout"},
		{"", []string{"broadcast", "1", "--server=127.0.0.1:1"}, 1, "is openline serve running there?"},
		{"", []string{"broadcast", "1", "--server=" + page.URL}, 1, `404 Not Found: "404 page not found"`},
	} {
		code, out, err := execute(t, test.stdin, test.args...)
		if code != test.code || out != "" || !strings.Contains(err, test.says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", test.args, code, out, err)
		}
	}
}

func TestToken(t *testing.T) {
	secret := strings.Repeat("s", auth.MinSecret)
	tokens, err := auth.NewTokens([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "openline.yaml")
	if err := os.WriteFile(file, []byte("token: {hmac_secret: "+secret+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want time.Duration, args ...string) {
		t.Helper()
		code, out, stderr := execute(t, "", append([]string{"token", "alice"}, args...)...)
		claims, err := tokens.Verify(strings.TrimSpace(out))
		if code != 0 || err != nil || claims.User != "alice" {
			t.Fatalf("%q: %d %s %s %v", args, code, out, stderr, err)
		}
		if left := time.Until(claims.Expires); left > want || left < want-time.Minute {
			t.Errorf("%q: valid for %v", args, left)
		}
	}
	check(time.Hour, "--secret", secret)
	check(5*time.Minute, "--secret", secret, "--ttl", "5m")
	check(time.Hour, "--config", file)
	_, out, _ := execute(t, "", "token", "alice", "--secret", secret, "--channel", "room:7", "--channel", "team:*")
	if claims, err := tokens.Verify(strings.TrimSpace(out)); err != nil || !claims.Member("room:7") || !claims.Member("team:red") || claims.Member("room:8") {
		t.Errorf("%+v, %v", claims, err)
	}
	for args, says := range map[string]string{
		"token alice":                                  "there is no secret to sign with: set OPENLINE_TOKEN_HMAC_SECRET",
		"token alice --secret short":                   "5 bytes",
		"token a*b --secret " + secret:                 "user's name",
		"token alice --channel a*b --secret " + secret: "entry 1 of the token's claim channels",
		"token alice --ttl 1ms --secret " + secret:     "a second at least",
	} {
		code, out, err := execute(t, "", strings.Fields(args)...)
		if code != 2 || out != "" || !strings.Contains(err, says) {
			t.Errorf("%s: %d %s %s", args, code, out, err)
		}
	}
	t.Setenv("OPENLINE_TOKEN_HMAC_SECRET", secret)
	check(time.Hour)
}

func TestVersion(t *testing.T) {
	code, out, _ := execute(t, "", "version")
	if code != 0 || !regexp.MustCompile(`^openline \S+ go1\.\S+ \w+/\w+\n$`).MatchString(out) {
		t.Errorf("%d %q", code, out)
	}
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]*debug.BuildInfo{
		"development":                       {},
		"v1.2.3":                            {Main: debug.Module{Version: "v1.2.3"}},
		"development-0123456789ab-modified": {Main: debug.Module{Version: "(devel)"}, Settings: settings},
	} {
		if got := versionOf("", info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := versionOf("v9", &debug.BuildInfo{Main: debug.Module{Version: "v1"}}); got != "v9" {
		t.Error(got)
	}
}

// The flags of serve are the settings, each with its help.
func TestServeFlags(t *testing.T) {
	c := newServeCmd()
	if len(c.flags()) != 0 {
		t.Errorf("flags are set from the start: %v", c.flags())
	}
	_, out, _ := execute(t, "", "serve", "--help")
	for _, f := range server.Fields() {
		flag := "--" + f.Flag + "=" + f.Placeholder
		if f.Switch() {
			flag = "--" + f.Flag + " "
		}
		if !strings.Contains(strings.ReplaceAll(out, "\n", " "), flag) {
			t.Errorf("no %s in the help", flag)
		}
	}
	if n := fmt.Sprint(c.settings.NumField()); n != fmt.Sprint(len(server.Fields())) {
		t.Errorf("%s flags", n)
	}
}
