package openline

import (
	"bytes"
	"slices"
	"sync"
)

// defaultPage is how many sessions a list has if its caller does not say.
const defaultPage = 100

// Len returns the number of sessions.
func (h *Hub) Len() int { return int(h.sessions.count.Load()) }

// Session returns the session with the id, or nil.
func (h *Hub) Session(id string) *Session {
	sid, ok := parseSessionID(id)
	if !ok {
		return nil
	}
	return h.sessions.find(sid)
}

// Sessions returns the sessions in the order of their ids, from the one behind after, which is "" or the id of a session that is or was there, and at most limit of them: 0 for 100,
// negative for all. Sessions may come and go between two pages: each that stays is on exactly one of them.
func (h *Hub) Sessions(after string, limit int) []*Session {
	if limit == 0 {
		limit = defaultPage
	}
	if after == "" {
		return h.sessions.page(nil, limit)
	}
	id, ok := parseSessionID(after)
	if !ok {
		return nil
	}
	return h.sessions.page(&id, limit)
}

// UserSessions returns the user's sessions in the order of their ids, raw ones included.
func (h *Hub) UserSessions(user string) []*Session {
	return h.members(inbox(user))
}

// Subscribers returns the sessions that are subscribed to the channel, which may also be an inbox or "@*", a page at a time, as Sessions does.
func (h *Hub) Subscribers(channel, after string, limit int) []*Session {
	if channel == everyone {
		return h.Sessions(after, limit)
	}
	if limit == 0 {
		limit = defaultPage
	}
	list := h.members(channel)
	if after != "" {
		id, ok := parseSessionID(after)
		if !ok {
			return nil
		}
		i, found := slices.BinarySearchFunc(list, id, compareSession)
		if found {
			i++
		}
		list = list[i:]
	}
	if limit >= 0 {
		list = list[:min(len(list), limit)]
	}
	return list
}

// SubscriberCount returns the number of sessions that are subscribed to the channel, which may also be an inbox or "@*".
func (h *Hub) SubscriberCount(channel string) int {
	h.order.Lock()
	defer h.order.Unlock()
	n := 0
	if t := h.topics[channel]; t != nil {
		for p := t.first; p != nil; p = p.next {
			n += p.count
		}
	}
	return n
}

// members asks the channel's shards for its sessions, in the order of their ids.
func (h *Hub) members(channel string) []*Session {
	var (
		asked sync.WaitGroup
		mu    sync.Mutex
		list  []*Session // guarded by mu
	)
	h.order.Lock()
	if t := h.topics[channel]; t != nil && !h.closed {
		for p := t.first; p != nil; p = p.next {
			asked.Add(1)
			p.shard.put(handover{do: ask, call: func() {
				defer asked.Done()
				mu.Lock()
				defer mu.Unlock()
				for _, s := range p.sessions {
					if !s.ended() {
						list = append(list, s)
					}
				}
			}})
		}
	}
	h.order.Unlock()
	asked.Wait()
	slices.SortFunc(list, func(a, b *Session) int { return bytes.Compare(a.id[:], b.id[:]) })
	return list
}

// Disconnect closes the session with the id, and reports whether there was one.
func (h *Hub) Disconnect(id string, code int, reason string) bool {
	s := h.Session(id)
	if s == nil || s.ended() {
		return false
	}
	s.Close(code, reason)
	return true
}

// DisconnectUser closes all sessions of the user, and returns how many there were.
func (h *Hub) DisconnectUser(user string, code int, reason string) int {
	list := h.UserSessions(user)
	for _, s := range list {
		s.Close(code, reason)
	}
	return len(list)
}
