package http1

import "testing"

// find is the table, eight octets at a time: each octet, at each place of a line of each length, in each class.
func TestFind(t *testing.T) {
	for _, bit := range []uint8{isValue, isLine} {
		for size := 1; size <= 26; size++ {
			for at := range size {
				for c := range 256 {
					b := make([]byte, size)
					for i := range b {
						b[i] = "aZ~ "[i%4]
					}
					b[at] = byte(c)
					if size > 9 {
						b[(at+9)%size] = byte(c)
					}
					if got, want := find(b, bit), findSlow(b, bit); got != want {
						t.Fatalf("find(%q, %d) is %d, want %d", b, bit, got, want)
					}
				}
			}
		}
	}
}
