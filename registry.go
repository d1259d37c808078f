package openline

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"slices"
	"sync"
	"sync/atomic"
)

// sessionID is 128 random bits.
type sessionID [16]byte

// idEncoding keeps the order of the bytes in that of the texts.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

func newSessionID() (id sessionID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func (id sessionID) String() string { return idEncoding.EncodeToString(id[:]) }

func parseSessionID(s string) (id sessionID, ok bool) {
	if len(s) != idEncoding.EncodedLen(len(id)) {
		return id, false
	}
	if _, err := idEncoding.Decode(id[:], []byte(s)); err != nil {
		return id, false
	}
	return id, id.String() == s
}

// buckets is how many parts a registry has: as ids are random, each holds its share.
const buckets = 1024

// A registry holds the open sessions by id: a pointer each, in sorted slices with a lock of their own, so that one can page through it while it changes.
type registry struct {
	count   atomic.Int64
	buckets [buckets]struct {
		mu       sync.Mutex
		sessions []*Session // sorted by id
	}
}

// bucket returns the index of id's bucket: its first ten bits, so that the buckets are in the ids' order.
func (id sessionID) bucket() int { return int(id[0])<<2 | int(id[1])>>6 }

func compareSession(s *Session, id sessionID) int { return bytes.Compare(s.id[:], id[:]) }

func (r *registry) add(s *Session) {
	b := &r.buckets[s.id.bucket()]
	b.mu.Lock()
	defer b.mu.Unlock()
	i, _ := slices.BinarySearchFunc(b.sessions, s.id, compareSession)
	b.sessions = slices.Insert(b.sessions, i, s)
	r.count.Add(1)
}

func (r *registry) remove(s *Session) {
	b := &r.buckets[s.id.bucket()]
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := slices.BinarySearchFunc(b.sessions, s.id, compareSession); ok {
		b.sessions = slices.Delete(b.sessions, i, i+1)
		r.count.Add(-1)
	}
}

func (r *registry) find(id sessionID) *Session {
	b := &r.buckets[id.bucket()]
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := slices.BinarySearchFunc(b.sessions, id, compareSession); ok {
		return b.sessions[i]
	}
	return nil
}

// page appends the sessions behind after, which nil makes all, to at most limit; negative: no limit.
func (r *registry) page(after *sessionID, limit int) []*Session {
	var list []*Session
	first := 0
	if after != nil {
		first = after.bucket()
	}
	for k := first; k < buckets && (limit < 0 || len(list) < limit); k++ {
		b := &r.buckets[k]
		b.mu.Lock()
		from := b.sessions
		if after != nil && k == first {
			i, found := slices.BinarySearchFunc(from, *after, compareSession)
			if found {
				i++
			}
			from = from[i:]
		}
		if limit >= 0 {
			from = from[:min(len(from), limit-len(list))]
		}
		list = append(list, from...)
		b.mu.Unlock()
	}
	return list
}
