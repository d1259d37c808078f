package server

import (
	"log/slog"
	"time"

	"github.com/openline/openline"
)

// Config is everything that can be set on a server. The zero value of each
// field is the default that its comment names, and a negative number or
// duration turns a limit or a timer off.
//
// [Load] fills it from a YAML file, whose names are the yaml tags; from the
// environment, where limits.per_user is OPENLINE_LIMITS_PER_USER; and from
// flags, where it is --limits-per-user. A flag goes before the environment,
// the environment before the file, the file before the default.
type Config struct {
	// Listen is the address to listen on. Default "127.0.0.1:8080". An address
	// that others can reach needs Token.HMACSecret and APIKeys.
	Listen string `yaml:"listen" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on. One that others can reach needs token.hmac_secret and api_keys."`
	// Node is this node's name, seen in sys:open. Default: made from the
	// host's name by the hub.
	Node string `yaml:"node" placeholder:"NAME" help:"This node's name, seen in sys:open."`
	// Hosts are the names, without a port, that the server answers for; a
	// request for another is refused with 400, which ends DNS rebinding.
	// "*.example.com" stands for every name below. Default: loopback names
	// while listening on loopback, elsewhere any well-formed name.
	Hosts []string `yaml:"hosts" placeholder:"NAME,…" help:"Host names the server answers for. Default: loopback names while listening on loopback, elsewhere any."`
	// Origins are the web origins besides the server's own whose pages may
	// open a session: "https://app.example", "https://*.example.com", "*".
	Origins []string `yaml:"origins" placeholder:"ORIGIN,…" help:"Web origins besides the server's own whose pages may connect: https://app.example, https://*.example.com, or *."`
	// APIKeys are the keys that the HTTP API takes, each as it is or as
	// sha256:HEX. Default: one made for this run. In the environment a single
	// key may also be given as OPENLINE_API_KEY.
	APIKeys []string `yaml:"api_keys" placeholder:"KEY,…" help:"Keys of the HTTP API, each as it is or as sha256:HEX. Default: one made for this run; OPENLINE_API_KEY sets a single one."`
	// Token is about who may open a session.
	Token TokenConfig `yaml:"token"`
	// TLS makes the listener speak TLS.
	TLS TLSConfig `yaml:"tls"`
	// Limits bounds what clients can make the server hold.
	Limits LimitsConfig `yaml:"limits"`
	// Compression is about compressing messages.
	Compression CompressionConfig `yaml:"compression"`
	// Namespaces are the rules of channels by the part of their names before
	// the first colon, see [openline.Namespace]. As one text, in the environment
	// or as a flag, they are one YAML or JSON mapping, which takes the place of
	// the file's.
	Namespaces map[string]NamespaceConfig `yaml:"namespaces" placeholder:"YAML" help:"Rules of channels by the part of their names before the first colon, as a YAML or JSON mapping: {quotes: {latest: key, max_rate: 10}}."`
	// HistoryBudget is the number of bytes that the histories of all channels
	// take in memory; beyond it the oldest messages go first. Default 256 MiB.
	HistoryBudget Bytes `yaml:"history_budget" default:"256MiB" placeholder:"SIZE" help:"Bytes that the histories of all channels take in memory; beyond: the oldest messages go first."`
	// HistoryFile is where an orderly stop leaves the histories for the next
	// start, which removes the file: sessions resume as if nothing had happened.
	// Default: none; after a restart sessions that come back get a sys:gap.
	HistoryFile string `yaml:"history_file" placeholder:"FILE" help:"Where an orderly stop leaves the histories for the next start, so that sessions resume without a gap. Default: none."`
	// PresenceGrace is how long a user whose last session has left a channel
	// still counts as present, so that a quick reconnect neither leaves nor
	// joins. Default 5 s.
	PresenceGrace time.Duration `yaml:"presence_grace" default:"5s" placeholder:"DURATION" help:"How long a user whose last session has left a channel still counts as present there; negative: not at all."`
	// Ping is the interval of keep-alive pings. Default 30 s.
	Ping time.Duration `yaml:"ping" default:"30s" placeholder:"DURATION" help:"Interval of keep-alive pings; negative: none."`
	// Drain bounds an orderly stop: sessions are told to come back elsewhere,
	// then closed. Default 10 s.
	Drain time.Duration `yaml:"drain" default:"10s" placeholder:"DURATION" help:"How long an orderly stop may take."`
	// Log is about the server's log on standard error.
	Log LogConfig `yaml:"log"`

	// Logger takes the log instead of standard error.
	Logger *slog.Logger `yaml:"-"`
	// Hub is for programs that embed a server: its hooks and its broker. What it
	// leaves empty and can be set here is filled in: Node, Logger, MaxData,
	// PresenceGrace, a Broker with HistoryBudget, and those Namespaces that it
	// does not have itself.
	Hub *openline.Options `yaml:"-"`
}

// TokenConfig is about users' tokens.
type TokenConfig struct {
	// HMACSecret is the secret of HS256 tokens, 32 bytes or more. Default:
	// none, so that anybody may open a session as any user; this is refused
	// beyond loopback.
	HMACSecret string `yaml:"hmac_secret" placeholder:"SECRET" help:"Secret of users' HS256 tokens, 32 bytes or more. Default: none; anybody on this machine may connect as any user."`
}

// TLSConfig names a certificate.
type TLSConfig struct {
	// Cert is a PEM file: the certificate and the chain to its root.
	Cert string `yaml:"cert" placeholder:"FILE" help:"PEM file of the certificate and its chain."`
	// Key is a PEM file: the certificate's private key.
	Key string `yaml:"key" placeholder:"FILE" help:"PEM file of the certificate's private key."`
}

// LimitsConfig bounds what clients can make the server hold.
type LimitsConfig struct {
	// Connections is the number of sessions in all; further ones get 503.
	// Default: what the process's descriptor limit allows, less a reserve.
	Connections int `yaml:"connections" placeholder:"N" help:"Sessions in all; beyond: 503. Default: what the descriptor limit allows."`
	// PerUser is the number of sessions of one user; beyond: 429. Default: no
	// limit.
	PerUser int `yaml:"per_user" placeholder:"N" help:"Sessions of one user; beyond: 429. Default: no limit."`
	// PerAddress is the number of sessions of one client address; beyond: 429.
	// Default: no limit, since behind a proxy all clients share one.
	PerAddress int `yaml:"per_address" placeholder:"N" help:"Sessions of one client address; beyond: 429. Default: no limit."`
	// HandshakesPerSecond is how many sessions one client address may open in
	// a second; beyond: 429. Default: no limit, since behind a proxy all
	// clients share one.
	HandshakesPerSecond float64 `yaml:"handshakes_per_second" placeholder:"N" help:"Sessions that one client address may open in a second; beyond: 429. Default: no limit."`
	// MessageSize is the number of bytes of one message, from a client or in
	// the HTTP API; beyond: close 1009, or 413. Its data alone may have 4 KiB
	// less (of a size below 8 KiB: half of it), so that clients with the same
	// limit can take it in its envelope. Default 1 MiB.
	MessageSize Bytes `yaml:"message_size" default:"1MiB" placeholder:"SIZE" help:"Bytes of one message; beyond: close 1009, or 413 in the HTTP API."`
	// MessagesPerSecond is how many messages one session may send in a second;
	// beyond: close 4029. Default: no limit.
	MessagesPerSecond float64 `yaml:"messages_per_second" placeholder:"N" help:"Messages a session may send in a second; beyond: close 4029. Default: no limit."`
	// MessageBurst is how many messages may come at once before
	// MessagesPerSecond is felt. Default: twice MessagesPerSecond, at least 10;
	// a negative number is refused, as MessagesPerSecond is what turns the limit
	// off.
	MessageBurst int `yaml:"message_burst" placeholder:"N" help:"Messages a session may send at once before the rate is felt. Default: twice the rate, at least 10."`
	// QueueMessages is the number of messages that may wait for a slow
	// session; beyond: close 4008. Default 256.
	QueueMessages int `yaml:"queue_messages" default:"256" placeholder:"N" help:"Messages that may wait for a slow session; beyond: close 4008."`
	// QueueBytes is the number of bytes that may wait for a slow session;
	// beyond: close 4008. Default 1 MiB.
	QueueBytes Bytes `yaml:"queue_bytes" default:"1MiB" placeholder:"SIZE" help:"Bytes that may wait for a slow session; beyond: close 4008."`
	// PollLinger is how long a polling session waits for the next poll; after
	// that the cursor opens another. Default 1 min.
	PollLinger time.Duration `yaml:"poll_linger" default:"1m" placeholder:"DURATION" help:"How long a polling session waits for the next poll."`
	// PollsPerSecond is how many polls a session may make in a second; beyond:
	// 429. Default: no limit.
	PollsPerSecond float64 `yaml:"polls_per_second" placeholder:"N" help:"Polls a session may make in a second; beyond: 429. Default: no limit."`
	// StreamTime is how long one answer of /sse and /stream may last, after
	// which it ends in order and the client goes on with another. Default: no
	// limit.
	StreamTime time.Duration `yaml:"stream_time" placeholder:"DURATION" help:"How long one answer of /sse and /stream may last; then the client comes again. Default: no limit."`
	// StreamBytes is how large one answer of /sse and /stream may become.
	// Default: no limit.
	StreamBytes Bytes `yaml:"stream_bytes" placeholder:"SIZE" help:"How large one answer of /sse and /stream may become; then the client comes again. Default: no limit."`
}

// LogConfig is about the log.
type LogConfig struct {
	// Level is "debug", "info", "warn" or "error". Default "info".
	Level string `yaml:"level" default:"info" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error."`
	// Format is "text" or "json". Default "text".
	Format string `yaml:"format" default:"text" placeholder:"FORMAT" help:"Form of a log line: text or json."`
}
