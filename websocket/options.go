package websocket

import (
	"log/slog"
	"time"

	"github.com/openline/openline/websocket/internal/proto"
)

// ConnOptions are the settings of a connection, the same for both ends. The
// zero value of each field stands for the default that its comment names, a
// negative value turns it off.
type ConnOptions struct {
	// ReadLimit is the largest message that is accepted, in bytes. A frame that
	// would exceed it fails the connection with 1009 as soon as its header says
	// so; nothing is allocated for it. A compressed message counts as it is
	// inflated, and no more than that is; see also [Compression]'s MaxRatio.
	// Default 1 MiB.
	ReadLimit int64
	// MaxFragments is the largest number of frames that one message may come in;
	// beyond it the connection fails with 1008. Default 131,072.
	MaxFragments int
	// PingInterval is how long nothing may have arrived before a Ping asks
	// whether the peer is there. Default 30 seconds.
	PingInterval time.Duration
	// PongTimeout is how long after that Ping something has to arrive, or the
	// connection ends with CloseAbnormal. Only a connection that is being read
	// is judged. Default 15 seconds.
	PongTimeout time.Duration
	// StallTimeout is the time in which a frame that has begun to arrive must
	// end, or bring 256 bytes more; otherwise the connection fails with 1008.
	// Default 30 seconds.
	StallTimeout time.Duration
	// CloseTimeout bounds the closing handshake: how long Close waits for the
	// peer's answer, and a client for the server to close TCP. Default 5 seconds;
	// it cannot be turned off.
	CloseTimeout time.Duration
	// WriteTimeout bounds one write to the socket; if it passes, the connection
	// ends with CloseAbnormal. Default 30 seconds.
	WriteTimeout time.Duration
	// QueueMessages and QueueBytes bound what TrySend may queue. A message
	// always fits an empty queue. Defaults 256 messages and 1 MiB.
	QueueMessages int
	QueueBytes    int
	// MessageRate is how many messages a second the peer may send in the long
	// run, MessageBurst how many at once (default: one second's worth); beyond
	// it the connection fails with 1008. Default: no limit.
	MessageRate  float64
	MessageBurst int
	// Compression has messages compressed if the peer does that too (RFC 7692).
	// Default nil: not; see [Compression] for what it costs and risks.
	Compression *Compression
	// Logger gets one line for each refused handshake, failed connection and
	// crashed handler: peer address, origin and code, never a payload or a
	// token. Default slog.Default().
	Logger *slog.Logger
}

// config is ConnOptions with the defaults filled in. It does not change and is
// shared by all connections that were opened with the same options.
type config struct {
	limits       proto.Limits
	pingInterval time.Duration // 0: off
	pongTimeout  time.Duration
	stallTimeout time.Duration // 0: off
	closeTimeout time.Duration
	writeTimeout time.Duration // 0: off
	queueMax     int
	queueBytes   int
	rate         rateLimit
	compression  *compression // nil: off
	keepAlives   *keepAlives  // nil: each connection has its own
	log          *slog.Logger
}

func (o *ConnOptions) resolve() *config {
	c := &config{
		limits: proto.Limits{
			MessageSize: off(o.ReadLimit, 1<<20),
			Fragments:   off(o.MaxFragments, 1<<17),
		},
		pingInterval: off(o.PingInterval, 30*time.Second),
		pongTimeout:  off(o.PongTimeout, 15*time.Second),
		stallTimeout: off(o.StallTimeout, 30*time.Second),
		closeTimeout: o.CloseTimeout,
		writeTimeout: off(o.WriteTimeout, 30*time.Second),
		queueMax:     off(o.QueueMessages, 256),
		queueBytes:   off(o.QueueBytes, 1<<20),
		rate:         newRateLimit(o.MessageRate, o.MessageBurst),
		compression:  o.Compression.resolve(),
		keepAlives:   new(keepAlives),
		log:          o.Logger,
	}
	if c.compression != nil {
		c.limits.Ratio, c.limits.RatioFloor = int64(c.compression.ratio), ratioFloor
	}
	if c.pongTimeout == 0 {
		c.pingInterval = 0 // a Ping whose answer nobody awaits asks nothing
	}
	if c.closeTimeout <= 0 {
		c.closeTimeout = 5 * time.Second
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	return c
}

// on gives the option that stands for a value.
func on(v int) int {
	if v == 0 {
		return -1
	}
	return v
}

// off gives an option's value: def for zero, zero for off.
func off[T int | int64 | time.Duration](v, def T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	}
	return v
}
