package client

// remembered is how many ids of messages a client remembers, so as not to give
// out again what comes again. The server repeats no more than what lies between
// the last cursor and what came after it.
const remembered = 4096

// seen remembers the ids of the last messages, and their channels.
type seen struct {
	ids   map[string]sight
	order []string // a ring, once it is full
	next  int
}

type sight struct {
	channel string
	at      int // in order: an id that was forgotten and comes again stands there twice
}

// add remembers id and reports whether that is new.
func (s *seen) add(id, channel string) bool {
	if _, had := s.ids[id]; had {
		return false
	}
	if s.ids == nil {
		s.ids = make(map[string]sight)
	}
	if len(s.order) < remembered {
		s.order = append(s.order, id)
	} else {
		if old := s.order[s.next]; s.ids[old].at == s.next {
			delete(s.ids, old)
		}
		s.order[s.next] = id
	}
	s.ids[id] = sight{channel, s.next}
	s.next = (s.next + 1) % remembered
	return true
}

// remove forgets what was not given out after all.
func (s *seen) remove(id string) { delete(s.ids, id) }

// forget is for a channel whose messages the application has asked for again.
func (s *seen) forget(channel string) {
	for id, c := range s.ids {
		if c.channel == channel {
			delete(s.ids, id)
		}
	}
}
