package interop

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// secure runs openline serve with a certificate of its own making.
func secure(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", filepath.Join(runtime.GOROOT(), "src/crypto/tls/generate_cert.go"), "--host", "127.0.0.1", "--ecdsa-curve", "P256") //nolint:staticcheck // the Go that runs the tests is there
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return serve(t, "OPENLINE_TLS_CERT="+filepath.Join(dir, "cert.pem"), "OPENLINE_TLS_KEY="+filepath.Join(dir, "key.pem"))
}

// curl speaks HTTP/2 where it was built with nghttp2.
func TestCurlHTTP2(t *testing.T) {
	version, err := exec.CommandContext(t.Context(), findCurl(t), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(version, []byte("HTTP2")) {
		t.Skip("this curl was built without HTTP/2")
	}
	s := secure(t)
	for _, test := range []struct {
		status int
		proto  string
		args   []string
	}{
		{200, "http/2", []string{"--http2", "/"}},
		{200, "http/1.1", []string{"--http1.1", "/"}},
		{200, "http/2", []string{"--http2", "-d", `"hi"`, "-H", "Authorization: Bearer " + s.key, "/api/users/alice/messages"}},
		{421, "http/2", []string{"--http2", "-H", "Host: evil.example", "/"}},
		{400, "http/2", []string{"--http2", "/ws/alice"}},
		{426, "http/1.1", []string{"--http1.1", "/ws/alice"}},
		{400, "http/2", []string{"--http2", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "/ws/alice"}},
	} {
		last := len(test.args) - 1
		a := curl(t, append(append([]string{"--insecure"}, test.args[:last]...), s.http+test.args[last])...)
		if a.status != test.status || !strings.HasPrefix(a.header, test.proto+" ") {
			t.Errorf("%.80q: %d, want %d over %s:\n%s%s", test.args, a.status, test.status, test.proto, a.header, a.body)
		}
	}
}
