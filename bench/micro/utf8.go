//go:build measure

package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openline/openline/websocket"
)

// measureUTF8 compares with the standard library.
func measureUTF8(rounds int, round time.Duration) {
	cs := []contestant{
		{"openline", func(b []byte) { websocket.MicroValidator(b) }},
		{"unicode/utf8", func(b []byte) { utf8.Valid(b) }},
	}
	rows := [][]string{{"text", "octets", "openline", "unicode/utf8", "GB/s", "unicode/utf8", "ratio"}}
	for _, text := range []struct{ name, sample string }{
		{"ASCII", `{"type":"message","channel":"news","data":{"text":"The quick brown fox"}} `},
		{"Latin", "Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. Voix ambiguë d’un cœur. "},
		{"Cyrillic", "Съешь же ещё этих мягких французских булок, да выпей чаю. "},
		{"Chinese", "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏閏餘成歲律呂調陽"},
		{"emoji", "🍣🚀😀👍🎉🌍🔥✨🦊🍀"},
	} {
		for _, n := range []int{32, 64, 120, 256, 1024, 4096, 65536} {
			b := []byte(strings.Repeat(text.sample, n/len(text.sample)+1))[:n]
			for !utf8.Valid(b) { // the end of a piece may be inside a character
				b = b[:len(b)-1]
			}
			ns := best(cs, b, rounds, round)
			speed := func(v float64) string { return fmt.Sprintf("%.1f", float64(len(b))/v) }
			rows = append(rows, []string{
				text.name, fmt.Sprint(n), fmt.Sprintf("%.1f", ns[0]), fmt.Sprintf("%.1f", ns[1]),
				speed(ns[0]), speed(ns[1]), fmt.Sprintf("%.2f", ns[1]/ns[0]),
			})
		}
	}
	fmt.Println("\nvalidation of UTF-8, nanoseconds and GB/s")
	table(rows)
}
