package openline

import "encoding/json"

// A Page is a part of a channel's history.
type Page struct {
	Messages []*Message // oldest first
	Cursor   string     // of what comes after them
	Gap      *Gap       // what is missing in front of them, or nil
}

// A Gap says that messages are gone which were asked for: what sys:gap has in its data.
type Gap struct {
	Channel string `json:"channel,omitempty"` // "": all of the session's channels
	After   string `json:"after"`             // the cursor after which they came
	Before  string `json:"before"`            // the ID of the first message that is there, or the cursor of the place from which on nothing is missing
	Reason  string `json:"reason"`            // one of the Gap constants
	Cursor  string `json:"cursor,omitempty"`  // the cursor after the gap, in sys:gap
}

// Reasons of a Gap.
const (
	GapEvicted   = "evicted"        // newer messages have taken their place: more than the history's size, bytes, or the broker's budget
	GapExpired   = "expired"        // they were older than the history's age
	GapNoHistory = "no_history"     // the channel has none
	GapRestarted = "restarted"      // the cursor is of another order of messages: the broker has begun anew
	GapUnknown   = "unknown_cursor" // the cursor is of a place that has not been reached
	GapOverflow  = "overflow"       // the session fell behind further than the channel's policy keeps messages for it
)

// defaultHistory is how many messages a page has if its caller does not say, and maxHistory how many at most.
const (
	defaultHistory = 100
	maxHistory     = 1000
)

// maxHistoryBytes is how much data a page has at most, if it has more than one message.
const maxHistoryBytes = 1 << 20

// History returns a page of the channel's history: what came after since, a cursor or "" for the beginning, and at most limit messages of it, 0 for 100, 1,000 at most. An empty page is the
// end; its Cursor is where to go on. The error is an *[Error]. The messages are read-only.
func (h *Hub) History(channel, since string, limit int) (*Page, error) {
	if channel != everyone {
		if e := checkAlphabet("channel", channel, true); e != nil {
			return nil, e
		}
	}
	if limit <= 0 {
		limit = defaultHistory
	}
	limit = min(limit, maxHistory)
	h.order.Lock()
	from, e := h.originOf(since)
	h.order.Unlock()
	if e != nil {
		return nil, e
	}
	if since == "" {
		from.seq = 0
	}
	page := &Page{Messages: []*Message{}}
	after := from.seq
	gap := from.gap
	for left := maxHistoryBytes; h.historian != nil && len(page.Messages) < limit && left > 0; {
		list, lost, reason := h.historian.Page(channel, after)
		if lost > after && len(page.Messages) > 0 {
			break // they went while this was read: the next page tells
		}
		if gap != "" && since != "" || lost > after && since != "" {
			if gap == "" {
				gap = reason
			}
			page.Gap = &Gap{Channel: channel, After: since, Before: h.cursorAt(max(lost, after) + 1), Reason: gap}
			if len(list) > 0 {
				page.Gap.Before = list[0].ID
			}
			gap, since = "", ""
		}
		if len(list) == 0 {
			after = max(after, lost) // so that the next page does not tell of it again
			break
		}
		for _, m := range list {
			if len(page.Messages) == limit || left <= 0 {
				break
			}
			page.Messages = append(page.Messages, m)
			after = m.Seq
			left -= len(m.Data)
		}
	}
	page.Cursor = h.cursorAt(after)
	return page, nil
}

// JSON returns {"cursor":…,"messages":[…]}, with "gap" if there is one.
func (p *Page) JSON() []byte {
	b := append(make([]byte, 0, 256), `{"cursor":`...)
	b = appendString(b, p.Cursor)
	if p.Gap != nil {
		gap, _ := json.Marshal(p.Gap) // strings: it cannot fail
		b = append(append(b, `,"gap":`...), gap...)
	}
	b = append(b, `,"messages":[`...)
	for i, m := range p.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, m.JSON()...)
	}
	return append(b, ']', '}')
}
