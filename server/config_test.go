package server

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openline.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const fullConfig = `# every field
listen: 127.0.0.1:9000
node: n1
hosts: [localhost, app.example]
origins:
  - https://app.example
  - https://*.example.com
api_keys: one-key
token:
  hmac_secret: 0123456789abcdef0123456789abcdef
tls: {cert: c.pem, key: k.pem}
limits:
  connections: 10_000
  per_user: 10
  per_address: -1
  handshakes_per_second: 2.5
  message_size: 64KiB
  messages_per_second: 20
  message_burst: 40
  queue_messages: 16
  queue_bytes: 1000000
  poll_linger: 90s
  polls_per_second: 7.5
  stream_time: 1h
  stream_bytes: 5MiB
compression:
  enabled: true
  level: 9
  threshold: 1KiB
  client_max_window_bits: 10
  client_no_context_takeover: true
  max_ratio: 100
ping: 5s
drain: 1m
namespaces:
  default:
    history: {size: 50, bytes: 1MiB, age: 1m}
    publish: backend
  "@": {history: none}
  quotes:
    latest: key
    max_rate: 2.5
    slow: latest
    subscribe: members
  room: {presence: true, join_leave: true, slow: drop_oldest}
history_budget: 64MiB
history_file: /var/lib/openline/history
presence_grace: 2s
log: {level: debug, format: json}
`

func TestFile(t *testing.T) {
	c, warnings, err := Load(&Sources{File: writeConfig(t, fullConfig)})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want := &Config{
		Listen:  "127.0.0.1:9000",
		Node:    "n1",
		Hosts:   []string{"localhost", "app.example"},
		Origins: []string{"https://app.example", "https://*.example.com"},
		APIKeys: []string{"one-key"},
		Token:   TokenConfig{HMACSecret: "0123456789abcdef0123456789abcdef"},
		TLS:     TLSConfig{Cert: "c.pem", Key: "k.pem"},
		Limits: LimitsConfig{
			Connections: 10000, PerUser: 10, PerAddress: -1, HandshakesPerSecond: 2.5, MessageSize: 64 << 10,
			MessagesPerSecond: 20, MessageBurst: 40, QueueMessages: 16, QueueBytes: 1000000,
			PollLinger: 90 * time.Second, PollsPerSecond: 7.5, StreamTime: time.Hour, StreamBytes: 5 << 20,
		},
		Compression: CompressionConfig{
			Enabled: true, Level: 9, Threshold: 1024, ClientMaxWindowBits: 10, ClientNoContextTakeover: true, MaxRatio: 100,
		},
		Namespaces: map[string]NamespaceConfig{
			"default": {History: HistoryConfig{Size: 50, Bytes: 1 << 20, Age: time.Minute}, Publish: openline.Backend},
			"@":       {History: HistoryConfig{None: true}},
			"quotes":  {Latest: "key", MaxRate: 2.5, Slow: openline.Newest, Subscribe: openline.Members},
			"room":    {Presence: true, JoinLeave: true, Slow: openline.DropOldest},
		},
		HistoryBudget: 64 << 20, HistoryFile: "/var/lib/openline/history", PresenceGrace: 2 * time.Second,
		Ping: 5 * time.Second, Drain: time.Minute,
		Log: LogConfig{Level: "debug", Format: "json"},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if _, err := c.resolve(); err != nil {
		t.Error(err)
	}
	for _, f := range Fields() {
		if reflect.ValueOf(*c).FieldByIndex(f.index).IsZero() {
			t.Errorf("%s was not set: the test's file lacks it", f.Path)
		}
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "limits:\nnode:\n"} {
		c, _, err := Load(&Sources{File: writeConfig(t, text)})
		if err != nil || !reflect.DeepEqual(c, &Config{}) {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}

func TestFileErrors(t *testing.T) {
	for _, test := range []struct{ name, text, says string }{
		{"unknown field", "listen: :8080\nlisen: x\n", ":2:1: unknown field lisen; did you mean listen?"},
		{"unknown field in a group", "limits:\n  per_usr: 3\n", ":2:3: unknown field limits.per_usr; did you mean limits.per_user?"},
		{"unknown field in a flow mapping", "limits: {connections: 1, per_adress: 3}\n", ":1:26: unknown field limits.per_adress; did you mean limits.per_address?"},
		{"in the wrong group", "per_user: 3\n", ":1:1: unknown field per_user; did you mean limits.per_user?"},
		{"unknown group", "limit:\n  per_user: 3\n", ":1:1: unknown field limit; did you mean limits?"},
		{"not a number", "limits:\n  per_user: many\n", `:2:13: limits.per_user: "many" is not a whole number`},
		{"neither true nor false", "compression: {enabled: maybe}\n", `:1:24: compression.enabled: "maybe" is neither true nor false`},
		{"a fraction", "limits: {per_user: 1.5}\n", `limits.per_user: "1.5" is not a whole number`},
		{"a number too large", "limits: {per_user: 99999999999999999999}\n", "is not a whole number"},
		{"not finite", "limits: {handshakes_per_second: .inf}\n", ":1:33: limits.handshakes_per_second takes a value here, not"},
		{"a duration with no unit", "ping: 30\n", `:1:7: ping: "30" is not a duration such as 500ms, 30s or 5m`},
		{"a size with a wrong unit", "limits: {message_size: 1MeB}\n", `"1MeB" is not a size such as 65536, 64KiB or 1MiB`},
		{"half a byte", "limits: {message_size: 0.5}\n", `"0.5" is not a size`},
		{"a list for a value", "listen: [a, b]\n", ":1:9: listen takes one value, not a list"},
		{"a mapping for a value", "listen: {a: b}\n", "listen takes a value here, not mapping"},
		{"a mapping in a list", "hosts:\n  - {a: b}\n", ":2:5: hosts takes a value or a list of values here"},
		{"a value for a group", "limits: 3\n", ":1:9: limits must be a mapping"},
		{"a list at the top", "- a\n", ":1:1: the configuration must be a mapping"},
		{"a word at the top", "hello\n", ":1:1: the configuration must be a mapping"},
		{"twice", "node: a\nnode: b\n", ":2:1: "},
		{"no YAML", "node: [a\n", ":1:7: "},
		{"a tab", "limits:\n\tper_user: 3\n", ":2:1: "},
		{"two documents", "node: a\n---\nnode: b\n", ":3:"},
		{"an anchor", "node: &a x\n", ":1:7: node takes a value here, not anchor"},
		{"a merge key", "<<: {node: a}\n", ":1:1: merge keys are not supported"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := writeConfig(t, test.text)
			_, _, err := Load(&Sources{File: path})
			if err == nil || !strings.HasPrefix(err.Error(), "server: "+path) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v\nwant %s…%s", err, path, test.says)
			}
		})
	}
	if _, _, err := Load(&Sources{File: filepath.Join(t.TempDir(), "none.yaml")}); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Every field is set from each source in turn, and the stronger one wins.
func TestPrecedence(t *testing.T) {
	values := func(f Field) (string, string) {
		switch {
		case f.List():
			return "a,b", "c"
		case f.Switch():
			return "false", "true"
		case strings.HasPrefix(f.Path, "compression."):
			return "3", "4"
		case f.Path == "limits.poll_linger", f.Path == "limits.stream_time":
			return "3s", "4s"
		case strings.HasPrefix(f.Path, "limits."), f.Path == "history_budget":
			return "3", "4"
		case f.Path == "namespaces":
			return `{room: {presence: true}}`, `{"chat": {"history": "none", "publish": "members"}}`
		case f.Default != "" && strings.HasSuffix(f.Default, "s"):
			return "3s", "4s"
		}
		return "x", "y"
	}
	for _, f := range Fields() {
		t.Run(f.Path, func(t *testing.T) {
			if f.Help == "" || f.Placeholder == "" {
				t.Error("no help or no placeholder")
			}
			weak, strong := values(f)
			want := &Config{}
			if err := f.Set(want, strong); err != nil {
				t.Fatal(err)
			}
			yaml := f.Path + ": " + weak + "\n"
			if group, name, ok := strings.Cut(f.Path, "."); ok {
				yaml = group + ":\n  " + name + ": " + weak + "\n"
			}
			path := writeConfig(t, yaml)
			for name, s := range map[string]*Sources{
				"env over file":  {File: path, Environ: []string{f.Env + "=" + strong, f.Env + "X="}},
				"flag over env":  {Environ: []string{f.Env + "=" + weak}, Flags: map[string]string{f.Path: strong}},
				"flag over file": {File: path, Flags: map[string]string{f.Path: strong}},
			} {
				got, _, err := Load(s)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, want)
				}
			}
			got, _, err := Load(&Sources{Environ: []string{"OPENLINE_CONFIG=" + path, f.Env + "="}})
			weakWant := &Config{}
			if err := f.Set(weakWant, weak); err != nil {
				t.Fatal(err)
			}
			if err != nil || !reflect.DeepEqual(got, weakWant) {
				t.Errorf("file alone: got %+v, %v", got, err)
			}
		})
	}
}

func TestSourceErrors(t *testing.T) {
	_, _, err := Load(&Sources{Environ: []string{"OPENLINE_PING=soon"}})
	if err == nil || !strings.HasPrefix(err.Error(), `server: OPENLINE_PING: "soon" is not a duration`) {
		t.Error(err)
	}
	_, _, err = Load(&Sources{Flags: map[string]string{"limits.per_user": "x"}})
	if err == nil || !strings.HasPrefix(err.Error(), `server: --limits-per-user: "x" is not a whole number`) {
		t.Error(err)
	}
}

func TestSingleAPIKey(t *testing.T) {
	for want, environ := range map[string][]string{
		"a":     {"OPENLINE_API_KEY=a"},
		"a b c": {"OPENLINE_API_KEY=a", "OPENLINE_API_KEYS=b, c,"},
		"b":     {"OPENLINE_API_KEYS=b"},
		"file":  {"OPENLINE_API_KEY="},
	} {
		c, _, err := Load(&Sources{File: writeConfig(t, "api_keys: [file]\n"), Environ: environ})
		if err != nil || strings.Join(c.APIKeys, " ") != want {
			t.Errorf("%v: %v, %v, want %s", environ, c.APIKeys, err, want)
		}
	}
}

func TestSlippedVariable(t *testing.T) {
	_, warnings, err := Load(&Sources{Environ: []string{
		"OPENLINE_LISTN=:1", "OPENLINE_PORT_8080_TCP=tcp://10.0.0.1:8080", "OPENLINE_SERVICE_HOST=10.0.0.1",
		"OPENLINE_SERVER=http://x", "PATH=/bin",
	}})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "OPENLINE_LISTN means nothing here; did you mean OPENLINE_LISTEN?") {
		t.Errorf("warnings %q, %v", warnings, err)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "12": 12, "12B": 12, "64KiB": 65536, "1.5 KiB": 1536, "1MiB": 1 << 20, "2GiB": 2 << 30, "3kB": 3000, "3KB": 3000, "1MB": 1000000, "1GB": 1000000000, "-1": -1,
	} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q = %d, %v; want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "x", "KiB", "1 2", "1e300", "NaN", "1TiBB", "0.1"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q = %d, want an error", text, b)
		}
	}
}

func TestResolve(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	authed := func(c Config) *Config {
		c.Token.HMACSecret, c.APIKeys = secret, []string{"k"}
		return &c
	}
	for _, test := range []struct {
		name   string
		config *Config
		says   string
	}{
		{"nil", nil, ""},
		{"zero", &Config{}, ""},
		{"loopback name", &Config{Listen: "localhost:0"}, ""},
		{"loopback IPv6", &Config{Listen: "[::1]:0"}, ""},
		{"another loopback", &Config{Listen: "127.9.9.9:0"}, ""},
		{"all addresses", &Config{Listen: ":8080"}, "refusing to listen on :8080"},
		{"0.0.0.0", &Config{Listen: "0.0.0.0:8080"}, "Set token.hmac_secret (OPENLINE_TOKEN_HMAC_SECRET) and api_keys (OPENLINE_API_KEYS), or listen on loopback alone (listen: 127.0.0.1:8080)"},
		{"[::]", &Config{Listen: "[::]:8080"}, "refusing"},
		{"a name", &Config{Listen: "app.example:8080"}, "refusing"},
		{"only keys", &Config{Listen: ":8080", APIKeys: []string{"k"}}, "token.hmac_secret is not set"},
		{"only a secret", &Config{Listen: ":8080", Token: TokenConfig{HMACSecret: secret}}, "api_keys is not set"},
		{"both", authed(Config{Listen: ":8080"}), ""},
		{"no port", &Config{Listen: "127.0.0.1"}, "is not HOST:PORT"},
		{"short secret", &Config{Token: TokenConfig{HMACSecret: "short"}}, "token.hmac_secret has 5 bytes; it needs at least 32"},
		{"half of TLS", &Config{TLS: TLSConfig{Cert: "c"}}, "go together"},
		{"host with a scheme", &Config{Hosts: []string{"http://a"}}, "hosts: "},
		{"host with a port", &Config{Hosts: []string{"a:80"}}, "hosts: "},
		{"host that is not ASCII", &Config{Hosts: []string{"bücher.example"}}, `hosts: "bücher.example" is not a host name; give its ASCII form, which begins with xn-- (Punycode)`},
		{"host with a star inside", &Config{Hosts: []string{"a*.example"}}, "hosts: "},
		{"host with a space", &Config{Hosts: []string{" *"}}, "hosts: "},
		{"host with a zone", &Config{Hosts: []string{"fe80::1%eth0"}}, "hosts: "},
		{"any host", &Config{Hosts: []string{"*"}}, ""},
		{"hosts", &Config{Hosts: []string{"a", "*.example.com", "[::1]", "::1", "127.0.0.1"}}, ""},
		{"origin with a path", &Config{Origins: []string{"https://a/"}}, "origins: "},
		{"origin with no scheme", &Config{Origins: []string{"app.example"}}, "origins: "},
		{"origin with a star inside", &Config{Origins: []string{"https://a*.example"}}, "origins: "},
		{"origins", &Config{Origins: []string{"https://a", "http://localhost:3000", "https://*.example.com", "*"}}, ""},
		{"negative burst", &Config{Limits: LimitsConfig{MessagesPerSecond: 5, MessageBurst: -1}}, "limits.message_burst is negative"},
		{"compression", &Config{Compression: CompressionConfig{Enabled: true, Level: 1, ClientMaxWindowBits: -1, Threshold: -1, MaxRatio: -1}}, ""},
		{"compression level", &Config{Compression: CompressionConfig{Level: 10}}, "compression.level: 10 is not 1"},
		{"compression level below", &Config{Compression: CompressionConfig{Level: -1}}, "compression.level"},
		{"window", &Config{Compression: CompressionConfig{ClientMaxWindowBits: 4096}}, "compression.client_max_window_bits: 4096 is not 8 to 15"},
		{"small window", &Config{Compression: CompressionConfig{ClientMaxWindowBits: 7}}, "compression.client_max_window_bits"},
		{"level", &Config{Log: LogConfig{Level: "loud"}}, "log.level"},
		{"format", &Config{Log: LogConfig{Format: "xml"}}, "log.format"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.config.resolve()
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
			} else if err == nil || !strings.HasPrefix(err.Error(), "server: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	const loopback = "localhost *.localhost 127.0.0.1 [::1]"
	for listen, want := range map[string]string{
		"127.0.0.1:1": loopback, "[::1]:1": loopback, "localhost:1": loopback, "127.0.0.2:1": loopback + " 127.0.0.2",
	} {
		r, err := (&Config{Listen: listen}).resolve()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.hosts(), " "); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	if name, n := nearest("x", nil); name != "" || n != -1 {
		t.Error(name, n)
	}
}
