package openline

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// However many tracks there are, what comes next of all of them comes in order, and nothing is held on to.
func TestMerge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for tracks := range 40 {
		var list []*track
		var want, got []uint64
		all := make([][]*Message, tracks)
		for seq := uint64(1); tracks > 0 && seq < 500; seq++ {
			k := random.IntN(tracks)
			all[k] = append(all[k], &Message{Seq: seq})
			want = append(want, seq)
		}
		for _, page := range all {
			list = append(list, &track{until: 500, page: page, after: 500})
		}
		var m merge
		m.fill(list, nil)
		for len(m) > 0 {
			first := m[0]
			got = append(got, first.place)
			first.page = first.page[1:]
			m.advance(nil)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d tracks: %v", tracks, got)
		}
		m.release()
		for _, one := range m[:cap(m)] {
			if one != nil {
				t.Error("a track is kept")
			}
		}
	}
}
