//go:build measure

package main

import (
	"encoding/binary"
	"fmt"
	"time"

	coder "github.com/coder/websocket"
	gobwas "github.com/gobwas/ws"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/openline/openline/websocket"
)

// measureMask compares masking in place, and copying to another buffer.
func measureMask(rounds int, round time.Duration) {
	key := [4]byte{0x37, 0xFA, 0x21, 0x3D}
	word := binary.LittleEndian.Uint32(key[:])
	other := make([]byte, 64<<10)
	cs := []contestant{
		{"openline", func(b []byte) { websocket.MicroMask(b, key, 0) }},
		{"gobwas", func(b []byte) { gobwas.Cipher(b, key, 0) }},
		{"gws", func(b []byte) { gws.MicroMask(b, key[:]) }},
		{"coder", func(b []byte) { coder.MicroMask(b, word) }},
		{"gorilla", func(b []byte) { gorilla.MicroMask(key, 0, b) }},
		{"copy", func(b []byte) { copy(other, b) }},
	}
	head := []string{"octets"}
	for _, c := range cs {
		head = append(head, c.name)
	}
	rows := [][]string{append(head, "fastest other/openline", "copy/openline")}
	for _, n := range []int{16, 20, 32, 60, 64, 125, 128, 170, 256, 512, 1000, 1024, 2048, 4096, 8192, 16384, 32768, 65536} {
		// Behind a header of 8 octets, as in a read buffer.
		ns := best(cs, make([]byte, n+64)[8:8+n], rounds, round)
		row := []string{fmt.Sprint(n)}
		for _, v := range ns {
			row = append(row, fmt.Sprintf("%.1f", v))
		}
		fastest := min(ns[1], ns[2], ns[3], ns[4])
		rows = append(rows, append(row, fmt.Sprintf("%.2f", fastest/ns[0]), fmt.Sprintf("%.2f", ns[len(ns)-1]/ns[0])))
	}
	fmt.Println("\nmasking in place, nanoseconds")
	table(rows)
}

// measureText compares what a text of ASCII needs on arrival: one pass for the
// mask and one for the UTF-8, or both at once.
func measureText(rounds int, round time.Duration) {
	key := [4]byte{0x37, 0x7A, 0x21, 0x3D} // no top bits: masked as well as unmasked, the text is ASCII
	cs := []contestant{
		{"two passes", func(b []byte) { websocket.MicroMask(b, key, 0); websocket.MicroValidator(b) }},
		{"one pass", func(b []byte) { websocket.MicroMaskASCII(b, key, 0) }},
	}
	rows := [][]string{{"octets", cs[0].name, cs[1].name, "ratio"}}
	for _, n := range []int{16, 60, 125, 170, 1024, 4096, 65536} {
		ns := best(cs, make([]byte, n+64)[8:8+n], rounds, round)
		rows = append(rows, []string{fmt.Sprint(n), fmt.Sprintf("%.1f", ns[0]), fmt.Sprintf("%.1f", ns[1]), fmt.Sprintf("%.2f", ns[0]/ns[1])})
	}
	fmt.Println("\nunmasking and checking a text of ASCII, nanoseconds")
	table(rows)
}
