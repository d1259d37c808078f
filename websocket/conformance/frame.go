package conformance

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Opcodes (RFC 6455 §5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

var opcodes = map[string]byte{
	"text": opText, "binary": opBinary, "cont": opContinuation, "ping": opPing, "pong": opPong, "close": opClose,
}

// clientKey masks what the suite sends as a client, so that octets can be read.
var clientKey = [4]byte{0x12, 0x34, 0x56, 0x78}

// frameSpec is a frame as a case writes it, right or wrong.
type frameSpec struct {
	opcode  byte
	fin     bool
	rsv     byte // 4: RSV1, 2: RSV2, 1: RSV3
	bare    bool
	key     *[4]byte
	form    int // 16 or 64: the longer form of the length; 0: the shortest
	claim   *uint64
	split   int     // octets of payload in each fragment; 0: one frame
	ways    *uint64 // bit i: a fragment ends behind octet i of the payload
	gaps    bool    // with an empty fragment between any two
	first   int     // no more than so many octets of it go out; 0: all
	flip    int     // the bit before this one is turned over; 0: none
	spoil   int     // so far from the end an octet is FF; 0: none
	times   int
	payload []byte
}

// parseFrame reads TYPE[...] FLAG… PAYLOAD.
func (c *Case) parseFrame(s string) (*frameSpec, error) {
	word, rest, _ := strings.Cut(s, " ")
	f := &frameSpec{fin: true, times: 1}
	word, open := strings.CutSuffix(word, "...")
	f.fin = !open
	op, known := opcodes[word]
	if !known {
		n, err := strconv.ParseUint(strings.TrimPrefix(word, "op"), 16, 4)
		if err != nil || !strings.HasPrefix(word, "op") {
			return nil, fmt.Errorf("%q is no kind of frame", word)
		}
		op = byte(n)
	}
	f.opcode = op
	if before, times, ok := cutNumber(rest, "times"); ok {
		f.times, rest = times, before
	}
	if before, bit, ok := cutNumber(rest, "flip"); ok {
		f.flip, rest = bit+1, before
	}
	rest, zip, err := c.parseFlags(f, strings.TrimSpace(rest))
	if err != nil {
		return nil, err
	}
	if word == "close" {
		f.payload, err = parseCloseBody(rest)
	} else {
		f.payload, err = parseAtoms(rest)
	}
	if f.spoil > 0 && f.spoil <= len(f.payload) {
		f.payload[len(f.payload)-f.spoil] = 0xFF
	}
	if zip {
		f.rsv |= 4
		f.payload = compressAlone(f.payload)
	}
	return f, err
}

// cutTimes takes "times N" off the end.
func cutTimes(s string) (before string, n int, ok bool) {
	if before, n, ok = cutNumber(s, "times"); !ok {
		n = 1
	}
	return before, n, ok
}

// cutNumber takes a word and a number off the end.
func cutNumber(s, word string) (before string, n int, ok bool) {
	i := strings.LastIndex(" "+s, " "+word+" ")
	if i < 0 {
		return s, 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(s[i+len(word):]))
	if err != nil || n < 0 {
		return s, 0, false
	}
	return s[:max(i-1, 0)], n, true
}

func (c *Case) parseFlags(f *frameSpec, s string) (rest string, zip bool, err error) {
	for {
		word, after, _ := strings.Cut(s, " ")
		after = strings.TrimSpace(after)
		value, behind, _ := strings.Cut(after, " ")
		switch word {
		case "rsv1":
			f.rsv |= 4
		case "rsv2":
			f.rsv |= 2
		case "rsv3":
			f.rsv |= 1
		case "bare":
			f.bare = true
		case "len16":
			f.form = 16
		case "len64":
			f.form = 64
		case "zip":
			zip = true
		case "key":
			b, err := hex.DecodeString(value)
			if err != nil || len(b) != 4 {
				return "", zip, fmt.Errorf("a masking key is four octets, not %q", value)
			}
			f.key, after = (*[4]byte)(b), strings.TrimSpace(behind)
		case "claim":
			n, err := c.parseLength(value)
			if err != nil {
				return "", zip, err
			}
			f.claim, after = &n, strings.TrimSpace(behind)
		case "split", "first", "parts", "spoil":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 && word != "parts" {
				return "", zip, fmt.Errorf("%s how many? %q", word, value)
			}
			switch after = strings.TrimSpace(behind); word {
			case "split":
				f.split = n
			case "first":
				f.first = n
			case "spoil":
				f.spoil = n
			default:
				ways := uint64(n)
				f.ways = &ways
			}
		case "gaps":
			f.gaps = true
		default:
			return s, zip, nil
		}
		s = after
	}
}

// parseLength reads a length that a header claims.
func (c *Case) parseLength(s string) (uint64, error) {
	switch s {
	case "2^62":
		return 1 << 62, nil
	case "2^63-1":
		return 1<<63 - 1, nil
	case "2^63":
		return 1 << 63, nil
	case "2^64-1":
		return 1<<64 - 1, nil
	case "limit+1":
		for _, k := range c.Knobs {
			if k.Name == "limit" {
				n, err := strconv.ParseUint(k.Value, 10, 64)
				return n + 1, err
			}
		}
		return 0, fmt.Errorf("limit+1 needs a line: with limit=N")
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no length", s)
	}
	return n, nil
}

// parseCloseBody reads CODE ["reason"], raw OCTETS, or nothing.
func parseCloseBody(s string) ([]byte, error) {
	if s == "" || s == "none" {
		return nil, nil
	}
	if raw, ok := strings.CutPrefix(s, "raw "); ok {
		return parseAtoms(raw)
	}
	word, rest, _ := strings.Cut(s, " ")
	code, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q is no close code", word)
	}
	reason, err := parseAtoms(rest)
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...), err
}

// compressAlone compresses a message that looks back at none before it (RFC
// 7692 §7.2.1).
func compressAlone(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
}

// append appends the octets, as the client or the server sends them, once.
func (f *frameSpec) append(b []byte, client bool) []byte {
	start := len(b)
	part := *f
	parts := f.parts()
	for i, p := range parts {
		part.payload = p
		part.fin = f.fin && i == len(parts)-1
		b = part.appendOne(b, client)
		part.opcode, part.rsv = opContinuation, 0
	}
	if sent := b[start:]; f.flip > 0 && f.flip <= 8*len(sent) {
		sent[(f.flip-1)/8] ^= 0x80 >> ((f.flip - 1) % 8)
	}
	if f.first > 0 {
		b = b[:min(len(b), start+f.first)]
	}
	return b
}

// parts are the payloads of the fragments.
func (f *frameSpec) parts() [][]byte {
	if f.split == 0 && f.ways == nil {
		return [][]byte{f.payload}
	}
	var parts [][]byte
	from := 0
	for i := range f.payload {
		n := i + 1 - from
		if i+1 < len(f.payload) && (n == f.split || f.ways != nil && i < 64 && *f.ways>>i&1 != 0) {
			parts = append(parts, f.payload[from:i+1])
			if from = i + 1; f.gaps {
				parts = append(parts, nil)
			}
		}
	}
	return append(parts, f.payload[from:])
}

func (f *frameSpec) appendOne(b []byte, client bool) []byte {
	first := f.opcode | f.rsv<<4
	if f.fin {
		first |= 0x80
	}
	key := f.key
	if key == nil && client && !f.bare {
		key = &clientKey
	}
	var masked byte
	if key != nil {
		masked = 0x80
	}
	n := uint64(len(f.payload))
	if f.claim != nil {
		n = *f.claim
	}
	switch {
	case f.form == 64 || n > 0xFFFF:
		b = binary.BigEndian.AppendUint64(append(b, first, masked|127), n)
	case f.form == 16 || n > 125:
		b = binary.BigEndian.AppendUint16(append(b, first, masked|126), uint16(n))
	default:
		b = append(b, first, masked|byte(n))
	}
	if key == nil {
		return append(b, f.payload...)
	}
	b = append(b, key[:]...)
	at := len(b)
	b = append(b, f.payload...)
	for i := range f.payload {
		b[at+i] ^= key[i%4]
	}
	return b
}
