package openline

// merge puts the tracks of a replay into the one order: a heap by the place of what comes next of each, so that a session with many channels costs not much more than one with few. It holds while
// nothing is published, a turn of the shard.
type merge []*track

// fill takes the tracks of which there is something.
func (m *merge) fill(tracks []*track, s *shard) {
	*m = (*m)[:0]
	for _, t := range tracks {
		if t.place = t.next(s); t.place > 0 {
			*m = append(*m, t)
		}
	}
	for i := len(*m)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
}

// advance puts the first where it belongs now.
func (m *merge) advance(s *shard) {
	q := *m
	if q[0].place = q[0].next(s); q[0].place == 0 {
		last := len(q) - 1
		q[0], q[last] = q[last], nil
		*m = q[:last]
	}
	m.sink(0)
}

// sink moves a track behind those that come before it.
func (m *merge) sink(i int) {
	q := *m
	for {
		least := i
		for k := 2*i + 1; k <= 2*i+2 && k < len(q); k++ {
			if q[k].place < q[least].place {
				least = k
			}
		}
		if least == i {
			return
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

// release lets go of the tracks.
func (m *merge) release() {
	clear((*m)[:cap(*m)]) // also what has come to its end
	if cap(*m) > maxSpare {
		*m = nil
	}
}
