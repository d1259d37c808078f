package deflate

func (s *inflate) blockHeader() (more bool, err error) {
	if s.n < 3 {
		return false, nil
	}
	s.final = s.drop(1) == 1
	s.wasFinal = false
	switch s.drop(2) {
	case 0:
		s.drop(s.n % 8)
		s.step = atStoredLen
	case 1:
		s.lit, s.distance = fixedLit, fixedDist
		s.step = atSymbols
	case 2:
		s.step = atCounts
	default:
		return false, ErrCorrupt
	}
	return true, nil
}

// blockEnd ends a block. Behind one that is marked as the last, the rest of the
// octet is skipped (RFC 7692 §7.2.3.4).
func (s *inflate) blockEnd() {
	s.step = atBlock
	if s.wasFinal = s.final; s.final {
		s.drop(s.n % 8)
	}
}

func (s *inflate) storedLen() (more bool, err error) {
	if s.n < 32 {
		return false, nil
	}
	n := s.drop(16)
	if s.drop(16) != n^0xFFFF {
		return false, ErrCorrupt
	}
	s.stored, s.step = int(n), atStored
	return true, nil
}

func (s *inflate) copyStored() (more, full bool) {
	for s.stored > 0 && s.n > 0 && s.end < len(s.buf) {
		s.buf[s.end] = byte(s.drop(8))
		s.end++
		s.stored--
	}
	if s.n == 0 {
		n := copy(s.buf[s.end:], s.in[s.r:s.r+min(s.stored, s.w-s.r)])
		s.r, s.end, s.stored = s.r+n, s.end+n, s.stored-n
	}
	if s.stored > 0 {
		return false, s.end == len(s.buf)
	}
	s.blockEnd()
	return true, false
}

func (s *inflate) counts() (more bool, err error) {
	if s.n < 14 {
		return false, nil
	}
	s.nlit, s.ndist, s.nclen = int(s.drop(5))+257, int(s.drop(5))+1, int(s.drop(4))+4
	if s.nlit > maxLit || s.ndist > maxDist {
		return false, ErrCorrupt
	}
	s.step, s.have = atCodeLens, 0
	clear(s.lens[:len(clenOrder)])
	return true, nil
}

func (s *inflate) codeLens() (more bool, err error) {
	for ; s.have < s.nclen; s.have++ {
		if s.load(); s.n < 3 {
			return false, nil
		}
		s.lens[clenOrder[s.have]] = uint8(s.drop(3))
	}
	s.lit = &s.own[0]
	if !s.lit.set(s.lens[:len(clenOrder)]) {
		return false, ErrCorrupt
	}
	s.step, s.have = atLens, 0
	return true, nil
}

// codeLengths reads the lengths of both codes (RFC 1951 §3.2.7).
func (s *inflate) codeLengths() (more bool, err error) {
	total := s.nlit + s.ndist
	for s.have < total {
		s.load()
		sym, l := s.lit.next(s.acc, s.n)
		switch {
		case l == needBits:
			return false, nil
		case l == noCode:
			return false, ErrCorrupt
		case sym < 16:
			s.drop(l)
			s.lens[s.have] = uint8(sym)
			s.have++
			continue
		}
		repeat, extra, value := uint64(3), uint(2), uint8(0)
		switch sym {
		case 16:
			if s.have == 0 {
				return false, ErrCorrupt
			}
			value = s.lens[s.have-1]
		case 17:
			extra = 3
		default:
			repeat, extra = 11, 7
		}
		if s.n < l+extra {
			return false, nil
		}
		s.drop(l)
		repeat += s.drop(extra)
		if s.have+int(repeat) > total {
			return false, ErrCorrupt
		}
		for range repeat {
			s.lens[s.have] = value
			s.have++
		}
	}
	s.lit, s.distance = &s.own[0], &s.own[1]
	if !s.lit.set(s.lens[:s.nlit]) || !s.distance.set(s.lens[s.nlit:total]) {
		return false, ErrCorrupt
	}
	s.step = atSymbols
	return true, nil
}

// symbols inflates until the block's end.
func (s *inflate) symbols() (more, full bool, err error) {
	for {
		if s.length > 0 && !s.copyMatch() {
			return false, true, nil
		}
		if s.n < 48 { // the most that a length and a distance take
			s.load()
		}
		sym, l := s.lit.next(s.acc, s.n)
		switch {
		case l == needBits:
			return false, false, nil
		case l == noCode:
			return false, false, ErrCorrupt
		case sym < endOfBlock:
			if s.end == len(s.buf) {
				return false, true, nil
			}
			s.buf[s.end] = byte(sym)
			s.end++
			s.drop(l)
			continue
		case sym == endOfBlock:
			s.drop(l)
			s.blockEnd()
			return true, false, nil
		}
		if sym -= endOfBlock + 1; sym >= uint(len(lengthBase)) {
			return false, false, ErrCorrupt
		}
		used := l + uint(lengthBits[sym])
		if s.n < used {
			return false, false, nil
		}
		dsym, dl := s.distance.next(s.acc>>used, s.n-used)
		switch {
		case dl == needBits:
			return false, false, nil
		case dl == noCode, dsym >= uint(len(distBase)):
			return false, false, ErrCorrupt
		case s.n < used+dl+uint(distBits[dsym]):
			return false, false, nil
		}
		s.drop(l)
		s.length = int(lengthBase[sym]) + int(s.drop(uint(lengthBits[sym])))
		s.drop(dl)
		s.dist = int(distBase[dsym]) + int(s.drop(uint(distBits[dsym])))
		if s.dist > min(s.end, s.reach()) {
			return false, false, ErrWindow
		}
	}
}

// copyMatch copies what the last length and distance stand for, and reports
// whether there was room for all of it.
func (s *inflate) copyMatch() bool {
	n := min(s.length, len(s.buf)-s.end)
	s.length -= n
	// What is copied may reach into itself: it then repeats what it begins with.
	from, end := s.end-s.dist, s.end+n
	for s.end < end {
		s.end += copy(s.buf[s.end:end], s.buf[from:s.end])
	}
	return s.length == 0
}
