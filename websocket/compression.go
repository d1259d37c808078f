package websocket

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/handshake"
)

// Compression are the settings of permessage-deflate (RFC 7692). The zero value
// of each field stands for the default that its comment names.
//
// A server accepts the first offer that it understands and declines what it
// does not; a client fails the handshake if the answer is none to its offer.
//
// What it costs: with the defaults, a connection keeps the last 4 KiB of what it
// sent, as much of what it received, and a table of 4 KiB, together less than
// 16 KiB, each from the first compressed message on. Without context takeover it
// keeps nothing. Working memory is pooled.
//
// What it risks: who can choose part of a message and see the length of what is
// sent can find out what stands beside it, or with context takeover in messages
// before it. [Conn.WriteUncompressed], [Conn.NextWriterUncompressed] and
// [PrepareUncompressed] are for messages where that matters. A message of
// [Conn.NextWriter] is compressed unless it is shorter than Threshold and 4 KiB.
// [Conn.Compression] tells what was agreed on.
type Compression struct {
	// WindowBits is how far back this end refers, as a power of two: 8 to 15, for
	// 256 bytes to 32 KiB. The peer may ask for less. A client says so in its
	// offer. Default 12; negative: 15, and a client does not let the server ask for
	// less.
	WindowBits int
	// PeerWindowBits is how far back the peer is asked to refer, and what is kept of
	// what it sends: 8 to 15. A peer that cannot be asked is told not to take its
	// context over, so that nothing has to be kept. Default 12; negative: 15, and the
	// peer is not asked.
	PeerWindowBits int
	// NoContextTakeover has each message of this end's stand alone. Messages
	// that resemble each other come out several times as long; no memory is kept.
	NoContextTakeover bool
	// PeerNoContextTakeover asks the same of the peer.
	PeerNoContextTakeover bool
	// Threshold is the size in bytes from which on a message is compressed. One
	// that does not become shorter is sent as it is. Default 128; negative: every
	// message is compressed.
	Threshold int
	// Level is how hard to look for what repeats: 1, the fastest, to 9. Default 5.
	Level int
	// MaxRatio is how many bytes a compressed byte of the peer's may inflate to. A
	// message that goes beyond it fails the connection with 1009, while it is
	// inflated. It is judged once more than 1 MiB has come of a message: short ones
	// compress to anything, and do no harm. So with the default of ReadLimit nothing
	// changes; without that limit it is what stops a bomb.
	//
	// Default 400. DEFLATE reaches 1,032 for one byte repeated. Beyond some 170 it
	// takes a message that is nearly all long repetitions with nothing in between:
	// logs, tables and documents stay below 100. So 400 leaves room for data with
	// large empty parts, and none for data that is nothing else; where clients send
	// that, such as blank images, allow more. Negative: no limit.
	MaxRatio int
}

// check says what is wrong with the settings.
func (o *Compression) check() error {
	if o == nil {
		return nil
	}
	for name, bits := range map[string]int{"WindowBits": o.WindowBits, "PeerWindowBits": o.PeerWindowBits} {
		if bits > 0 && bits < deflate.MinBits || bits > deflate.MaxBits {
			return fmt.Errorf("the setting Compression.%s is %d, not 8 to 15 (RFC 7692 §7.1.2)", name, bits)
		}
	}
	if o.Level < 0 || o.Level > 9 {
		return fmt.Errorf("the setting Compression.Level is %d, not 1 to 9", o.Level)
	}
	return nil
}

// compression is Compression with the defaults filled in.
type compression struct {
	handshake.DeflateSettings
	threshold, level int
	ratio            int // 0: no limit
}

func (o *Compression) resolve() *compression {
	if o == nil || o.check() != nil {
		return nil
	}
	c := &compression{
		DeflateSettings: handshake.DeflateSettings{
			Bits: off(o.WindowBits, 12), PeerBits: off(o.PeerWindowBits, 12),
			NoTakeover: o.NoContextTakeover, PeerNoTakeover: o.PeerNoContextTakeover,
		},
		threshold: off(o.Threshold, 128), level: o.Level, ratio: off(o.MaxRatio, 400),
	}
	if o.PeerNoContextTakeover && o.PeerWindowBits == 0 {
		c.PeerBits = 0 // nothing is kept anyway
	}
	if c.level == 0 {
		c.level = deflate.DefaultLevel
	}
	return c
}

// ratioFloor is how much a message may inflate to whatever its size.
const ratioFloor = 1 << 20

// accept answers a client's offers; "" declines.
func (c *compression) accept(offers []handshake.Extension) (*handshake.DeflateTerms, string) {
	if c == nil {
		return nil, ""
	}
	return handshake.AcceptDeflate(offers, &c.DeflateSettings)
}

// names are the extensions that a client offers.
func (c *compression) names() []string {
	if c == nil {
		return nil
	}
	return []string{handshake.Deflate}
}

func (c *compression) offer() string {
	if c == nil {
		return ""
	}
	return handshake.OfferDeflate(&c.DeflateSettings)
}

// judge judges the server's answer.
func (c *compression) judge(answer []handshake.Extension) (*handshake.DeflateTerms, error) {
	if c == nil {
		return nil, nil
	}
	return handshake.CheckDeflate(answer, &c.DeflateSettings)
}

// compress makes the connection compress as it was agreed.
func (c *Conn) compress(agreed *handshake.DeflateTerms) {
	c.pack = newPacking(c.cfg, agreed)
	c.out.Deflate(deflate.NewDeflater(agreed.SendBits, agreed.SendTakeover, int(c.pack.level)), c.pack.threshold)
	c.in.Inflate(deflate.NewInflater(agreed.ReceiveBits, agreed.ReceiveTakeover))
}

func newPacking(cfg *config, agreed *handshake.DeflateTerms) *packing {
	how := cfg.compression
	return &packing{bits: uint8(agreed.SendBits), level: uint8(how.level), threshold: how.threshold, agreed: *agreed}
}

// packing is how a connection compresses, as far as it matters to a message that
// looks back at nothing.
type packing struct {
	bits, level uint8
	threshold   int
	agreed      handshake.DeflateTerms
}

// Compression returns the settings that hold for the connection, or nil if the
// ends did not agree on compression, so that no message is compressed either way.
// WindowBits, PeerWindowBits, NoContextTakeover and PeerNoContextTakeover are what
// was agreed on; the others are this end's. The struct is the caller's.
func (c *Conn) Compression() *Compression {
	if c.pack == nil {
		return nil
	}
	agreed, own := &c.pack.agreed, c.cfg.compression
	return &Compression{
		WindowBits:            agreed.SendBits,
		PeerWindowBits:        agreed.ReceiveBits,
		NoContextTakeover:     !agreed.SendTakeover,
		PeerNoContextTakeover: !agreed.ReceiveTakeover,
		Threshold:             on(own.threshold),
		Level:                 own.level,
		MaxRatio:              on(own.ratio),
	}
}

// packedForm is a prepared message, compressed: a frame as a server sends it.
type packedForm struct {
	bits, level uint8
	header      int
	frame       []byte // nil: it does not become shorter
}

// packedForms are those of a message that were asked for.
type packedForms struct {
	mu   sync.Mutex
	list []packedForm // only ever appended to
}

// form returns the message compressed, or nil if it is to be sent as it is. A
// message looks back at nothing before it, so it is fit for connections that take
// their context over too; and windows that hold all of it are the same to it.
func (p *Prepared) form(how *packing) *packedForm {
	data := p.Data()
	if p.plain || len(data) < how.threshold {
		return nil
	}
	window := min(how.bits, max(uint8(bits.Len(uint(max(len(data), 1)-1))), deflate.MinBits))
	p.packed.mu.Lock()
	defer p.packed.mu.Unlock()
	for i := range p.packed.list {
		if f := &p.packed.list[i]; f.bits == window && f.level == how.level {
			return f.unlessLonger()
		}
	}
	f := packedForm{bits: window, level: how.level}
	space := getBuffer()
	defer putBuffer(space)
	*space = deflate.NewDeflater(int(window), false, int(how.level)).Append((*space)[:0], data)
	if packed := *space; len(packed) < len(data) || how.threshold == 0 {
		f.header = frame.Size(len(packed), false)
		f.frame = frame.AppendHeader(make([]byte, 0, f.header+len(packed)), frame.Header{
			Fin: true, RSV: frame.RSV1, Opcode: frame.Opcode(p.typ), Length: uint64(len(packed)),
		})
		f.frame = append(f.frame, packed...)
	}
	p.packed.list = append(p.packed.list, f)
	return f.unlessLonger()
}

func (f *packedForm) unlessLonger() *packedForm {
	if f.frame == nil {
		return nil
	}
	return f
}
