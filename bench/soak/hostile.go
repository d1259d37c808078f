package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// violation is octets that no client may send, and the codes with which a server may
// close because of them.
type violation struct {
	name   string
	octets func(l *line) []byte
	codes  []int
}

// one makes a violation of one frame.
func one(name string, first byte, payload string, codes ...int) violation {
	return violation{name, func(l *line) []byte { return appendFrame(nil, first, []byte(payload), l.key()) }, codes}
}

// raw makes a violation of octets as they are.
func raw(name, octets string, codes ...int) violation {
	return violation{name, func(*line) []byte { return []byte(octets) }, codes}
}

// violations are those of RFC 6455 §5, §7.4 and §8.1.
var violations = []violation{
	raw("unmasked", "\x81\x05hello", 1002),
	one("RSV1", 0xc1, "hello", 1002),
	one("RSV2", 0xa1, "hello", 1002),
	one("RSV3", 0x91, "hello", 1002),
	one("opcode 3", 0x83, "hello", 1002),
	one("opcode 15", 0x8f, "", 1002),
	one("Ping in parts", 0x09, "hello", 1002),
	raw("Ping of 126 octets", "\x89\xfe\x00\x7e1234", 1002),
	one("continuation of nothing", 0x80, "hello", 1002),
	{"message within a message", func(l *line) []byte {
		return appendFrame(appendFrame(nil, opText, []byte("a"), l.key()), fin|opText, []byte("b"), l.key())
	}, []int{1002}},
	raw("length beyond 63 bits", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x011234", 1002, 1009),
	raw("length not minimal", "\x81\xfe\x00\x051234hello", 1002),
	raw("length not minimal, 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\x01\x001234", 1002),
	one("text that is no UTF-8", 0x81, "\xff\xfe", 1007),
	one("text that is cut", 0x81, "a\xe2\x82", 1007),
	{"a part that is no UTF-8", func(l *line) []byte { return appendFrame(nil, opText, []byte("\xed\xa0\x80"), l.key()) }, []int{1007}},
	raw("too large", "\x81\xff\x00\x00\x00\x00\x00\x20\x00\x001234", 1009),
	raw("far too large", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff1234", 1009, 1002),
	{"too large in parts", func(l *line) []byte {
		b := appendFrame(nil, opText, []byte(text(maxMessage/2+10)), l.key())
		return appendFrame(b, fin|opContinue, []byte(text(maxMessage/2+10)), l.key())
	}, []int{1009}},
	one("Close of one octet", 0x88, "x", 1002),
	one("Close with 1005", 0x88, "\x03\xed", 1002),
	one("Close with 999", 0x88, "\x03\xe7", 1002),
	one("Close that is no UTF-8", 0x88, "\x03\xe8\xff", 1007, 1002),
}

// violates breaks a rule, and expects to be told so.
func violates(ctx context.Context, t *target, rng *rand.Rand) error {
	v := violations[rng.IntN(len(violations))]
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	if err := l.writeInPieces(v.octets(l)); err != nil && !isReset(err) {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	code, err := l.expectClose(patience)
	if err != nil {
		return fmt.Errorf("%s: instead of a Close: %w", v.name, err)
	}
	if !slices.Contains(v.codes, code) {
		return fmt.Errorf("%s: closed with %d instead of %d", v.name, code, v.codes)
	}
	if rng.IntN(2) == 0 {
		_ = l.write(appendFrame(nil, fin|opClose, closePayload(code, ""), l.key()))
	}
	return l.expectEnd(patience)
}

// endlessFragments never ends its message.
func endlessFragments(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	size := rng.IntN(2) * (1 + rng.IntN(100))
	part := appendFrame(nil, opContinue, []byte(text(size)), l.key())
	b := appendFrame(nil, opText, nil, l.key())
	most := t.fragments*len(part) + 1<<20
	if size > 0 {
		most = min(most, maxMessage/size*len(part)+1<<20)
	}
	for sent := 0; ; {
		for len(b) < 8<<10 {
			b = append(b, part...)
		}
		if err := l.write(b); err != nil {
			if isReset(err) {
				break // it sends on after the Close, for which it is cut off
			}
			return err
		}
		if sent += len(b); sent > most {
			break
		}
		b = b[:0]
	}
	code, err := l.expectClose(patience)
	if err == nil && code != 1008 && code != 1009 {
		return fmt.Errorf("closed with %d", code)
	}
	if err != nil && !isReset(err) {
		return fmt.Errorf("a message without end was not ended: %w", err)
	}
	return l.expectEnd(patience)
}

// floodsWithPings sends very many Pings, and reads late. It has kept all rules: the
// last Ping is answered (RFC 6455 §5.5.3), and the session lives.
func floodsWithPings(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	var b, last []byte
	for i := range 2000 {
		last = fmt.Appendf(nil, "%d%s", i, text(rng.IntN(120)))
		b = appendFrame(b, fin|opPing, last, l.key())
	}
	if err := l.writeInPieces(b); err != nil {
		return err
	}
	pause(ctx, time.Duration(rng.IntN(1000))*time.Millisecond)
	if err := l.exchange(); err != nil {
		return err
	}
	if n := len(l.pongs); n == 0 || !bytes.Equal(l.pongs[n-1], last) {
		return errors.New("the last Ping was not answered, but what came behind it")
	}
	return nil
}

// garbage sends anything.
func garbage(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	b := make([]byte, 1+rng.IntN(4000))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	if rng.IntN(3) == 0 {
		b = append([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), b...)
	}
	if err := l.writeInPieces(b); err != nil && !isReset(err) {
		return err
	}
	if rng.IntN(2) == 0 {
		l.reset()
		return nil
	}
	_ = l.nc.CloseWrite() // what is no violation may be the beginning of a long frame
	return l.expectEnd(patience)
}
