package server

import (
	"fmt"

	"github.com/openline/openline/websocket"
)

// CompressionConfig is about permessage-deflate (RFC 7692), which compresses the
// messages of clients that offer it; browsers do. A message to any number of
// sessions is compressed once, and refers to no other message: so no session keeps
// a window of what it was sent, on either side.
type CompressionConfig struct {
	// Enabled accepts the clients' offers. Default false: it pays for messages of
	// several hundred bytes and more, costs memory for each session that sends, and
	// lets whoever sees the length of a message draw conclusions on its content.
	Enabled bool `yaml:"enabled" default:"false" placeholder:"BOOL" help:"Compress messages (permessage-deflate) where the client offers it."`
	// Level is how hard to look for what repeats, 1 to 9. Default 5.
	Level int `yaml:"level" default:"5" placeholder:"N" help:"How hard to compress: 1, the fastest, to 9."`
	// Threshold is the size from which on a message is compressed. Default 128.
	Threshold Bytes `yaml:"threshold" default:"128" placeholder:"SIZE" help:"Size from which on a message is compressed; negative: every message is."`
	// ClientMaxWindowBits is how much of each client's messages is kept for later
	// ones to refer to, as a power of two: 8 to 15. A client that cannot be asked
	// for so little is told not to refer to earlier messages. Default 12, that is
	// 4 KiB; negative: what the client likes, up to 32 KiB.
	ClientMaxWindowBits int `yaml:"client_max_window_bits" default:"12" placeholder:"N" help:"How much of a client's messages is kept for later ones to refer to, as a power of two: 8 to 15; negative: what the client likes."`
	// ClientNoContextTakeover has clients refer to no earlier message, so that
	// nothing is kept. Default false.
	ClientNoContextTakeover bool `yaml:"client_no_context_takeover" default:"false" placeholder:"BOOL" help:"Have clients compress each message for itself, so that nothing is kept of it."`
	// MaxRatio is how many bytes a compressed byte of a client's may become, of
	// messages beyond 1 MiB; more: close 1009. It matters where Limits.MessageSize is
	// larger than that or off. Default 400.
	MaxRatio int `yaml:"max_ratio" default:"400" placeholder:"N" help:"How many bytes a compressed byte may become, of messages beyond 1 MiB; more: close 1009."`
}

// settings returns what the configuration means for a connection, nil for none.
func (c *CompressionConfig) settings() *websocket.Compression {
	if !c.Enabled {
		return nil
	}
	return &websocket.Compression{
		// All that sessions are sent is prepared for any number of them and looks
		// back at nothing: keeping a window for it would bring nobody anything, and
		// one of any size costs nothing while a message is compressed.
		NoContextTakeover:     true,
		WindowBits:            -1,
		PeerNoContextTakeover: c.ClientNoContextTakeover,
		PeerWindowBits:        c.ClientMaxWindowBits,
		Threshold:             int(c.Threshold),
		Level:                 c.Level,
		MaxRatio:              c.MaxRatio,
	}
}

func (r *resolved) checkCompression() error {
	c := &r.Compression
	if c.Level < 0 || c.Level > 9 {
		return fmt.Errorf("server: compression.level: %d is not 1, the fastest, to 9", c.Level)
	}
	if bits := c.ClientMaxWindowBits; bits > 0 && bits < 8 || bits > 15 {
		return fmt.Errorf("server: compression.client_max_window_bits: %d is not 8 to 15; it is the power of two of a number of bytes", bits)
	}
	return nil
}
