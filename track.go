package openline

// A track is the part of a replay that is one channel.
type track struct {
	part  *part
	after uint64 // what has been handed to the line ends here
	had   uint64 // of what is gone up to here nothing is said: the client has had it, or is to get the latest alone
	until uint64 // there may be something in the history up to here

	place uint64 // of what comes next; merge's

	page   []*Message // read from the history and not handed yet; shared
	lost   uint64     // the end of a gap that has not been told; 0: none
	reason string

	held    *held // live messages that no history keeps for this session
	instead bool  // held stands for the history: what is published goes there
}

// forgive has nothing said of what is gone so far.
func (t *track) forgive() {
	t.after, t.lost = max(t.after, t.lost), 0
}

// load reads on until there is something, or nothing up to until, and takes note of what is gone.
func (t *track) load(s *shard) {
	if s.historian == nil {
		t.after = max(t.after, t.until)
		return
	}
	for t.after < t.until && len(t.page) == 0 && t.lost == 0 {
		page, end, lost, reason := s.pages.read(s.historian, t.part.topic, t.after, t.until)
		switch {
		case lost > t.until && t.until <= t.had:
			t.after = t.until
		case lost > t.until:
			// What the shard has not come to yet may be gone already, and is given all the same when its turn comes.
			t.lost, t.reason = t.until, reason
		case lost > t.after && lost <= t.had:
			t.after, t.page = lost, page
		case lost > t.after:
			t.page, t.lost, t.reason = page, lost, reason
		case len(page) == 0:
			t.after = max(t.after, end)
		default:
			t.page = page
		}
	}
}

// next returns the place of what comes next of the track; 0 for nothing. A gap comes at once: who is cut off behind its beginning comes back with a cursor that says nothing of what was before.
func (t *track) next(s *shard) uint64 {
	if len(t.page) == 0 && t.lost == 0 && t.after < t.until {
		t.load(s)
	}
	seq := uint64(0)
	switch {
	case t.lost > 0:
		seq = t.after + 1
	case len(t.page) > 0 && t.page[0].Seq <= t.until:
		seq = t.page[0].Seq
	}
	if t.held != nil {
		first := t.held.next()
		if t.held.lost > 0 {
			first = t.held.from + 1
		}
		if first > 0 && (seq == 0 || first < seq) {
			seq = first
		}
	}
	return seq
}

// hand hands what is next of the track to the line.
func (t *track) hand(b *behind, seq uint64) {
	switch {
	case t.lost > 0 && seq == t.after+1:
		before := b.session.hub.cursorAt(t.lost + 1)
		if len(t.page) > 0 {
			before = t.page[0].ID
		}
		after := max(t.after, t.had)
		t.after = t.lost
		t.lost = 0
		b.tell(t, after, t.after, before, t.reason)
	case t.held != nil && t.held.lost > 0 && seq == t.held.from+1:
		lost := t.held.lost
		t.held.lost = 0
		b.tell(t, t.held.from, lost, t.held.messages[0].ID, GapOverflow)
	case t.held != nil && t.held.next() == seq:
		m := t.held.take()
		b.held -= len(m.Data)
		b.give(m)
	default:
		m := t.page[0]
		t.page = t.page[1:]
		t.after = m.Seq
		b.give(m)
	}
}

// tell tells of what is gone behind after, up to lost.
func (b *behind) tell(t *track, after, lost uint64, before, reason string) {
	h := b.session.hub
	b.gone = max(b.gone, lost)
	b.pos = max(b.pos, b.passed())
	b.session.gap(&Gap{Channel: t.part.topic.name, After: h.cursorAt(after), Before: before, Reason: reason}, b)
}
