package interop

import (
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func findCurl(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	return path
}

// answer is what curl got.
type answer struct {
	status int
	header string // as it came, in lower case
	body   string
}

// curl makes one request.
func curl(t *testing.T, args ...string) answer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), findCurl(t), append([]string{
		"--silent", "--show-error", "--max-time", strconv.Itoa(int(guard.Seconds())), "--dump-header", "/dev/stderr", "--write-out", "\n%{http_code}",
	}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	out := stdout.String()
	i := strings.LastIndexByte(out, '\n')
	status, err := strconv.Atoi(out[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	return answer{status, strings.ToLower(stderr.String()), out[:i]}
}

// curl speaks WebSocket since 7.86 where it was built with it; Debian 12's was not.
func TestCurlWebSocket(t *testing.T) {
	path := findCurl(t)
	version, err := exec.CommandContext(t.Context(), path, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, protocols, _ := strings.Cut(string(version), "Protocols: ")
	protocols, _, _ = strings.Cut(protocols, "\n")
	if !slices.Contains(strings.Fields(protocols), "ws") {
		number := strings.Fields(string(version))[1]
		t.Skipf("this curl (%s) was built without ws://", number)
	}
	url, conns := accept(t)
	cmd := exec.CommandContext(t.Context(), path, "--silent", "--show-error", "--no-buffer", "--include", url)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // it may have ended
		cmd.Wait()         // with whatever status
	})
	ours := <-conns
	t.Cleanup(ours.drop)
	for _, n := range []int{1, 125, 126, 65536} {
		if err := ours.send(false, text(n)); err != nil {
			t.Fatal(err)
		}
	}
	// curl prints the payloads one behind the other, here after the response's header.
	want := append(append(append(text(1), text(125)...), text(126)...), text(65536)...)
	var got []byte
	buf := make([]byte, 1<<16)
	for !bytes.HasSuffix(got, want) {
		n, err := stdout.Read(buf)
		if err != nil {
			t.Fatalf("curl printed %d bytes and ended: %v", len(got), err)
		}
		got = append(got, buf[:n]...)
	}
}

func TestCurlAPI(t *testing.T) {
	srv := serve(t)
	alice := srv.open(t, "alice")
	key := "Authorization: Bearer " + srv.key

	a := curl(t, "-d", `{"text":"hi"}`, "-H", key, srv.http+"/api/users/alice/messages")
	if a.status != 200 || !strings.Contains(a.body, `"delivered":1`) {
		t.Fatalf("send: %d %s", a.status, a.body)
	}
	wantData(t, alice, "@alice", `{"text":"hi"}`)

	a = curl(t, "-d", `[1, 2,  3]`, "-H", key, srv.http+"/api/broadcast?type=tick")
	if a.status != 200 {
		t.Fatalf("broadcast: %d %s", a.status, a.body)
	}
	if m := wantData(t, alice, "@*", `[1, 2,  3]`); m.Type != "tick" {
		t.Errorf("type %q, want tick", m.Type)
	}

	a = curl(t, "-H", key, srv.http+"/api/users/alice")
	if a.status != 200 || !strings.Contains(a.body, alice.session) {
		t.Errorf("user: %d %s, want session %s in it", a.status, a.body, alice.session)
	}
	a = curl(t, "-X", "DELETE", "-H", key, srv.http+"/api/users/alice/sessions")
	if a.status/100 != 2 {
		t.Errorf("disconnect: %d %s", a.status, a.body)
	}
	if ev := alice.nextClose(t); ev.code != 4009 {
		t.Errorf("got %s, want close 4009", ev)
	}
}

func TestCurlRefusals(t *testing.T) {
	srv := serve(t)
	handshake := func(args ...string) []string {
		return append([]string{
			"--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==",
		}, args...)
	}
	const version = "Sec-WebSocket-Version: 13"
	for _, c := range []struct {
		name   string
		args   []string
		status int
		body   string // must hold this
	}{
		{"no key", []string{"-d", "1", srv.http + "/api/broadcast"}, 401, "detail"},
		{"wrong key", []string{"-d", "1", "-H", "Authorization: Bearer wrong", srv.http + "/api/broadcast"}, 401, "detail"},
		{"not JSON", []string{"-d", "{", "-H", "Authorization: Bearer " + srv.key, srv.http + "/api/broadcast"}, 400, "detail"},
		{"not an upgrade", []string{srv.http + "/ws/alice"}, 426, ""},
		{"malformed user", handshake("-H", version, srv.http+"/ws/al%20ice"), 400, "user's name"},
		{"foreign host", []string{"-H", "Host: attacker.example", srv.http + "/healthz"}, 400, ""},
		{"malformed host", []string{"-H", "Host: a b", srv.http + "/healthz"}, 400, ""},
		{"foreign origin", handshake("-H", version, "-H", "Origin: https://attacker.example", srv.http+"/ws/alice"), 403, "https://attacker.example"},
		{"two versions", handshake("-H", version, "-H", "Sec-WebSocket-Version: 12", srv.http+"/ws/alice"), 400, "Version"},
		{"another version", handshake("-H", "Sec-WebSocket-Version: 12", srv.http+"/ws/alice"), 426, "must be 13"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := curl(t, c.args...)
			if a.status != c.status || !strings.Contains(a.body, c.body) {
				t.Errorf("%d %s, want %d and %q", a.status, a.body, c.status, c.body)
			}
		})
	}
	if a := curl(t, srv.http+"/healthz"); a.status != 200 {
		t.Errorf("healthz: %d %s", a.status, a.body)
	}
}
