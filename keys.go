package openline

import (
	"container/list"
	"time"
)

// key is the scope of a publication's key: one publisher's key does not hide another's message.
type key struct{ from, channel, key string }

// keyed is what is remembered of a publication with a key.
type keyed struct {
	id       string
	stored   bool
	delivery *Delivery
	at       time.Time
}

// keys remembers the latest publications with a key: so many in all, and so many of each publisher. The oldest are forgotten first.
type keys struct {
	most, each int
	all        map[key]*list.Element
	oldest     *list.List // of keyEntry, oldest first
	publishers map[string]*list.List
}

// keyEntry is an element of keys.oldest; own is its element in its publisher's list, which holds elements of keys.oldest.
type keyEntry struct {
	key key
	keyed
	own *list.Element
}

func newKeys(most, each int) keys {
	return keys{most: most, each: each, all: map[key]*list.Element{}, oldest: list.New(), publishers: map[string]*list.List{}}
}

func (s *keys) find(k key) (keyed, bool) {
	e, ok := s.all[k]
	if !ok {
		return keyed{}, false
	}
	return e.Value.(*keyEntry).keyed, true
}

// add remembers k, which is not there yet.
func (s *keys) add(k key, v keyed) {
	own := s.publishers[k.from]
	if own == nil {
		own = list.New()
		s.publishers[k.from] = own
	}
	switch {
	case own.Len() >= s.each:
		s.remove(own.Front().Value.(*list.Element))
	case len(s.all) >= s.most:
		s.remove(s.oldest.Front())
	}
	entry := &keyEntry{key: k, keyed: v}
	e := s.oldest.PushBack(entry)
	entry.own = own.PushBack(e)
	s.publishers[k.from] = own // remove may have dropped an empty list
	s.all[k] = e
}

// expire forgets what is not younger than before.
func (s *keys) expire(before time.Time) {
	for e := s.oldest.Front(); e != nil && !e.Value.(*keyEntry).at.After(before); e = s.oldest.Front() {
		s.remove(e)
	}
}

func (s *keys) remove(e *list.Element) {
	entry := s.oldest.Remove(e).(*keyEntry)
	delete(s.all, entry.key)
	own := s.publishers[entry.key.from]
	own.Remove(entry.own)
	if own.Len() == 0 {
		delete(s.publishers, entry.key.from)
	}
}
