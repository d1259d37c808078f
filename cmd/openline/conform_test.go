package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/conformance/echo"
)

// runAsClient has the test's binary be the client that openline conform starts,
// where a test asks for that.
func runAsClient() (code int, asked bool) {
	if os.Getenv("CONFORM_TEST_CLIENT") == "" {
		return 0, false
	}
	args := []string{"conform", "echo", "--offer=off", "--connect=" + os.Args[len(os.Args)-1]}
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		args = append(args, "--ca-file="+file)
	}
	return run(context.Background(), args, streams{os.Stdin, os.Stdout, os.Stderr}), true
}

// testEcho is a server to be held against cases, ws://…/echo.
func testEcho(t *testing.T, h http.Handler) string {
	t.Helper()
	if h == nil {
		s, err := echo.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		h = s
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/echo"
}

// deaf is a server that refuses everybody.
var deaf = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })

func TestConformServer(t *testing.T) {
	good, bad := testEcho(t, nil), testEcho(t, deaf)
	for _, test := range []struct {
		args      []string
		code      int
		out, says string
	}{
		{[]string{good, "--select=WS-4.2-01"}, 0, "passed", ""},
		{[]string{good, "--select=RFC 6455 §5.6", "--strict", "--level=MUST"}, 0, "strict mode", ""},
		{[]string{good, "--select=WS-4.2", "--skip=WS-4.2-26", "--parallel=2", "--timeout=5s", "--patience=2", "--with=all"}, 0, "passed", ""},
		{[]string{bad, "--select=WS-4.2-01", "-v"}, 1, "418", ""},
		{[]string{bad, "--select=WS-5.4-01", "--select=WS-5.4-02"}, 1, "Failed", ""},
		{[]string{bad, "--strict", "--select=WS-4.2-22"}, 1, "skipped", "no case was played with the server: all were skipped; --with"},

		{[]string{}, 2, "", "<url>"},
		{[]string{"127.0.0.1:9001/echo"}, 2, "", "has no scheme: write ws://127.0.0.1:9001/echo"},
		{[]string{"http://x/echo"}, 2, "", "write ws://x/echo"},
		{[]string{"ftp://x/echo"}, 2, "", "has to be ws or wss"},
		{[]string{"ws://"}, 2, "", "is no address such as"},
		{[]string{"ws://127.0.0.1:1/echo"}, 2, "", "nobody listens at 127.0.0.1:1; start the server first"},
		{[]string{good, "--select=WS-5.44"}, 2, "", `no case is called "WS-5.44"; did you mean WS-5.4`},
		{[]string{good, "--select=WS-10.7-02"}, 2, "", "WS-10.7-02 has no case: "},
		{[]string{good, "--select=quux"}, 2, "", `no case is called "quux" (openline conform list`},
		{[]string{good, "--skip=ws-4.2-01"}, 2, "", "did you mean WS-4.2-01"},
		{[]string{good, "--select=WS-3"}, 2, "", "none of the chosen cases is about a server"},
		{[]string{good, "--level=MAY"}, 2, "", `--level: "MAY" is no level`},
		{[]string{good, "--with=deflat"}, 2, "", `there is no feature "deflat"; did you mean deflate?`},
		{[]string{good, "--patience=0"}, 2, "", "above zero"},
		{[]string{good, "--ca-file=" + os.DevNull}, 2, "", "holds no certificate"},
		{[]string{good, "--json=-", "--junit=-"}, 2, "", "only one form"},
		{[]string{good, "--json=/nowhere/x"}, 2, "", "the report cannot be written"},
	} {
		code, out, err := execute(t, "", append([]string{"conform", "server"}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(err, test.says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", test.args, code, out, err)
		}
	}
}

// Each form of the report goes where it is sent, several at once.
func TestConformReports(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	code, out, err := execute(t, "", "conform", "server", testEcho(t, deaf), "--select=WS-4.2-01",
		"--text="+file("text"), "--json="+file("json"), "--junit="+file("junit"), "--html="+file("html"))
	if code != 1 || out != "" || err != "" {
		t.Errorf("%d %s %s", code, out, err)
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var ignored any
	if err := json.Unmarshal(read("json"), &ignored); err != nil {
		t.Error(err)
	}
	if err := xml.Unmarshal(read("junit"), new(struct{})); err != nil {
		t.Error(err)
	}
	if b := string(read("html")); !strings.HasPrefix(b, "<!") {
		t.Errorf("%.100q", b)
	}
	if b := string(read("text")); !strings.Contains(b, "WS-4.2-01") {
		t.Errorf("%.100q", b)
	}
	code, out, _ = execute(t, "", "conform", "server", testEcho(t, nil), "--select=WS-4.2-01", "--json=-")
	if err := json.Unmarshal([]byte(out), &ignored); code != 0 || err != nil {
		t.Errorf("%d %v", code, err)
	}
}

// A command is started for each case, and finds the URL and the issuer.
func TestConformClientCommand(t *testing.T) {
	t.Setenv("CONFORM_TEST_CLIENT", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	code, out, stderr := execute(t, "", "conform", "client", "--select=WS-4.1-01", "--select=WS-4.1-02", "--select=WS-4.1-08", "--with=tls", "--", self)
	if code != 0 || !strings.Contains(out, "client "+self) {
		t.Errorf("%d %s %s", code, out, stderr)
	}
	code, out, _ = execute(t, "", "conform", "client", "--select=WS-4.1-01/1", self, "{}?limit=x")
	if code != 1 || !strings.Contains(out, "exit status 1: openline: echo: the setting limit") {
		t.Errorf("%d %s", code, out)
	}
	for _, name := range []string{"/nowhere/client", "no-such-client"} {
		code, out, stderr = execute(t, "", "conform", "client", name)
		if code != 2 || out != "" || !strings.Contains(stderr, "the client cannot be started") {
			t.Errorf("%d %s %s", code, out, stderr)
		}
	}
}

// Clients that call in get one case after the other, and 204 at the end.
func TestConformClientCalls(t *testing.T) {
	s := start(t, "conform", "client", "--listen=127.0.0.1:0", "--select=WS-4.1-01", "--select=WS-4.1-02", "--parallel=2")
	address := s.err.await(t, `clients ask for cases at (http://\S+)\n`)[1]
	ended := make(chan int, 2)
	for _, name := range []string{"a", "b"} {
		go func() {
			for cases := 0; ; cases++ {
				res, err := http.Get(address + "?client=" + name)
				if err != nil {
					t.Error(err)
					ended <- -1
					return
				}
				body, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode == http.StatusNoContent {
					ended <- cases
					return
				}
				_ = echo.Client(t.Context(), string(body), nil) // the cases judge it
			}
		}()
	}
	if code := s.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := <-ended + <-ended; n < 2 {
		t.Errorf("%d cases", n)
	}
	if !strings.Contains(s.out.String(), "the client that calls at "+address) {
		t.Errorf("%s", s.out)
	}
	// One that goes away without a word does not keep the others waiting for ever.
	s = start(t, "conform", "client", "--listen=127.0.0.1:0", "--select=WS-4.1", "--patience=0.02")
	address = s.err.await(t, `clients ask for cases at (http://\S+)\n`)[1]
	if status, err := http.Get(address); err != nil {
		t.Error(err)
	} else {
		status.Body.Close()
	}
	if code := s.ended(t); code != 1 || !strings.Contains(s.err.String(), "no client asks for one any more") || !strings.Contains(s.out.String(), "FAILED") {
		t.Errorf("exit code %d", code)
	}
	if code, _, err := execute(t, "", "conform", "client", "--listen=127.0.0.1:0", "--patience=0.0001"); code != 1 || !strings.Contains(err, "no client has called at http://") {
		t.Errorf("nobody calls: %d %s", code, err)
	}
	for args, says := range map[string]string{
		"--listen=127.0.0.1:x":        "--listen: ",
		"--select=WS-4.2-01":          "none of the chosen cases is about a client",
		"--listen=" + taken(t):        "another program listens at",
		"--select=WS-4.1-1 {} --help": "no case is called",
	} {
		code, out, err := execute(t, "", append([]string{"conform", "client"}, strings.Fields(args)...)...)
		if code != 2 || out != "" || !strings.Contains(err, says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", args, code, out, err)
		}
	}
}

// taken is an address at which somebody listens.
func taken(t *testing.T) string {
	return strings.TrimSuffix(strings.TrimPrefix(testEcho(t, deaf), "ws://"), "/echo")
}

func TestConformSelf(t *testing.T) {
	code, out, err := execute(t, "", "conform", "self", "--select=WS-4.2-01", "--select=WS-4.1-01", "--driver=read", "--driver=stream")
	if code != 0 || strings.Count(out, "\nserver wss://") != 1 || strings.Count(out, ", driver read, ") != 3 || strings.Count(out, ", driver stream, ") != 2 {
		t.Errorf("%d %s %s", code, out, err)
	}
	code, out, err = execute(t, "", "conform", "self", "--select=WS-4.2-01", "--actor=server")
	if code != 0 || strings.Contains(out, "client") {
		t.Errorf("%d %s %s", code, out, err)
	}
	for args, says := range map[string]string{
		"--driver=raed":                  `there is no driver "raed"; there are messages,`,
		"--actor=proxy":                  "--actor",
		"--select=WS-4.2 --actor=client": "none of the chosen cases is about the client",
	} {
		code, out, err := execute(t, "", append([]string{"conform", "self"}, strings.Fields(args)...)...)
		if code != 2 || out != "" || !strings.Contains(err, says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", args, code, out, err)
		}
	}
}

func TestConformEcho(t *testing.T) {
	s := start(t, "conform", "echo", "--listen=127.0.0.1:0", "--driver=stream", "--limit=5", "--origin=https://app.example")
	address := s.out.await(t, `echo at (ws://127\.0\.0\.1:\d+/echo) \(driver stream\)\n`)[1]
	c, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{Header: http.Header{"Origin": {"https://app.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), websocket.Text, []byte("12345")); err != nil {
		t.Error(err)
	}
	if _, data, err := c.Read(t.Context()); string(data) != "12345" {
		t.Errorf("%q %v", data, err)
	}
	if err := c.Write(t.Context(), websocket.Text, []byte("123456")); err != nil {
		t.Error(err)
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseMessageTooBig {
		t.Error(err)
	}
	s.stop()
	if code := s.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestConformEchoTLS(t *testing.T) {
	cert, _, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, "conform", "echo", "--listen=127.0.0.1:0", "--tls-cert="+certFile, "--tls-key="+keyFile)
	address := s.out.await(t, `echo at (wss://127\.0\.0\.1:\d+/echo)`)[1]
	code, out, stderr := execute(t, "", "conform", "echo", "--connect="+address+"?do=close", "--ca-file="+certFile)
	if code != 0 {
		t.Errorf("%d %s %s", code, out, stderr)
	}
	code, out, stderr = execute(t, "", "conform", "server", address, "--ca-file="+certFile, "--select=WS-4.2-01")
	if code != 0 {
		t.Errorf("%d %s %s", code, out, stderr)
	}
}

func TestConformEchoRefuses(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"--driver=raed", 2, "--driver"},
		{"--tls-cert=x", 2, "both --tls-cert and --tls-key"},
		{"--tls-cert=x --tls-key=y", 2, "no such file"},
		{"--host=http://x", 2, "Hosts entry"},
		{"--listen=x", 2, "--listen: "},
		{"--connect=x", 2, "write ws://x"},
		{"--connect=ws://127.0.0.1:1/", 1, "refused"},
		{"--connect=ws://127.0.0.1:1/?limit=x", 1, "the setting limit"},
	} {
		code, out, err := execute(t, "", append([]string{"conform", "echo"}, strings.Fields(test.args)...)...)
		if code != test.code || out != "" || !strings.Contains(err, test.says) {
			t.Errorf("%q: %d\nout: %s\nerr: %s", test.args, code, out, err)
		}
	}
}

func TestConformList(t *testing.T) {
	code, all, err := execute(t, "", "conform", "list")
	if code != 0 || err != "" {
		t.Errorf("%d %s", code, err)
	}
	for _, pattern := range []string{"\nWS-4.2-01      server MUST      ", "\nWS-4.2-01/1    server MUST        "} {
		if !strings.Contains("\n"+all, pattern) {
			t.Errorf("no %q in %.500s", pattern, all)
		}
	}
	_, servers, _ := execute(t, "", "conform", "list", "--actor=server")
	_, clients, _ := execute(t, "", "conform", "list", "--actor=client", "--level=must", "--select=WS-4.1")
	for _, test := range []struct{ list, want, never string }{{servers, " server ", " client "}, {clients, " client MUST ", " server "}} {
		for line := range strings.Lines(test.list) {
			if column := line[14:min(len(line), 32)]; strings.HasPrefix(column, test.never) {
				t.Errorf("%q is not what was chosen", line)
			}
		}
		if !strings.Contains(test.list, test.want) {
			t.Errorf("no%sin the list", test.want)
		}
	}
	if code, _, err := execute(t, "", "conform", "list", "--select=x"); code != 2 || !strings.Contains(err, "no case is called") {
		t.Errorf("%d %s", code, err)
	}
}

// A command that does not end is ended, with all that it has started.
func TestCommandEnds(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no shell")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	c := &clientCommand{argv: []string{"/bin/sh", "-c", "sleep 100; true"}}
	if err := c.start(ctx, "ws://x"); err == nil || time.Since(began) > guard {
		t.Error(err, time.Since(began))
	}
}

// What a command leaves behind when it ends is ended too.
func TestCommandChildrenEnd(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no shell")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Setenv("CONFORM_TEST_PIPE", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), w.Fd()))
	c := &clientCommand{argv: []string{"/bin/sh", "-c", `exec 3>"$CONFORM_TEST_PIPE"; sleep 100 2>&3 & exit 0`}}
	if err := c.start(t.Context(), "ws://x"); err != nil {
		t.Error(err)
	}
	w.Close()
	_ = r.SetReadDeadline(time.Now().Add(guard))
	if _, err := io.Copy(io.Discard, r); err != nil { // it ends when nobody can write any more
		t.Errorf("the child goes on: %v", err)
	}
}
