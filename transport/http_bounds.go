package transport

import (
	"sync"
	"time"
)

// bounds are those of a queue; 0: none.
type bounds struct{ messages, bytes int }

// newBounds returns the bounds that the settings of a connection's queue make.
func newBounds(messages, bytes int) bounds {
	pick := func(n, standard int) int {
		if n == 0 {
			return standard
		}
		return max(n, 0)
	}
	return bounds{pick(messages, 256), pick(bytes, 1<<20)}
}

// full reports whether there is no place for one more, of that size, beside those that
// wait. Where none waits there is a place for any.
func (b bounds) full(messages, bytes, more int) bool {
	return messages > 0 && (b.messages > 0 && messages >= b.messages || b.bytes > 0 && bytes+more > b.bytes)
}

// room reports whether less than a part of what may wait does.
func (b bounds) room(messages, bytes, part int) bool {
	return messages == 0 || (b.messages == 0 || messages < b.messages/part) && (b.bytes == 0 || bytes < b.bytes/part)
}

// rates bounds what users send who have no session for it.
type rates struct {
	mu sync.Mutex
	of map[string]*rate // guarded by mu
}

// maxRates is the number of users from which on those are forgotten who have sent nothing of late.
const maxRates = 1024

// take reports whether one more message of the user is within the bound.
func (l *rates) take(user string, perSecond float64, burst int) bool {
	if perSecond <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	one := l.of[user]
	if one == nil {
		if len(l.of) >= maxRates {
			l.sweep(now)
		}
		if l.of == nil {
			l.of = map[string]*rate{}
		}
		one = newRate(perSecond, burst)
		l.of[user] = one
	}
	return one.take(now)
}

// sweep forgets those whose bucket is full again. mu is held.
func (l *rates) sweep(now time.Time) {
	for user, one := range l.of {
		if one.left+one.perSecond*now.Sub(one.last).Seconds() >= one.burst {
			delete(l.of, user)
		}
	}
}

// A grave says how a session ended that is not to come back.
type grave struct {
	id, user string
	code     int
	reason   string
	at       time.Time
}

// graves remembers the latest of them, for a client that asks for more.
type graves struct {
	mu   sync.Mutex // guards the following
	byID map[string]*grave
	list []*grave // oldest first
}

// Bounds of what is remembered.
const (
	maxGraves = 4096
	graveTime = 10 * time.Minute
)

func (g *graves) add(one *grave) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byID == nil {
		g.byID = map[string]*grave{}
	}
	one.at = time.Now()
	for len(g.list) > 0 && (len(g.list) >= maxGraves || one.at.Sub(g.list[0].at) > graveTime) {
		delete(g.byID, g.list[0].id)
		g.list[0] = nil
		g.list = g.list[1:]
	}
	g.byID[one.id] = one
	g.list = append(g.list, one)
}

// find returns what is known of the user's session with the id, or nil.
func (g *graves) find(id, user string) *grave {
	if id == "" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if one := g.byID[id]; one != nil && one.user == user {
		return one
	}
	return nil
}
