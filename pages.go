package openline

import "slices"

// pages are parts of histories that sessions of a shard are being replayed, so that any number of them read a history once. What is read begins where a session is and ends before the next
// part that is there already, so that sessions with different cursors come together.
type pages struct {
	topics map[*topic][]historyPage
	bytes  int
	reads  int // how often a historian was asked, for tests and measurements
}

// historyPage is all of a channel's messages that come after a place, up to its last.
type historyPage struct {
	after    uint64
	messages []*Message
}

func (p *historyPage) last() uint64 { return p.messages[len(p.messages)-1].Seq }

// maxPageBytes bounds what is kept for others beyond what the histories hold.
const maxPageBytes = 16 << 20

// read returns messages of the topic behind after, as Historian.Page does.
func (c *pages) read(from Historian, t *topic, after uint64) (messages []*Message, lost uint64, reason string) {
	list := c.topics[t]
	// i is the first page that ends behind after.
	i, _ := slices.BinarySearchFunc(list, after, func(p historyPage, after uint64) int {
		if p.last() <= after {
			return -1
		}
		return 1
	})
	if i < len(list) && list[i].after <= after {
		skip, found := slices.BinarySearchFunc(list[i].messages, after, func(m *Message, after uint64) int {
			switch {
			case m.Seq < after:
				return -1
			case m.Seq > after:
				return 1
			}
			return 0
		})
		if found {
			skip++
		}
		return list[i].messages[skip:], 0, ""
	}
	c.reads++
	messages, lost, reason = from.Page(t.name, after)
	if i < len(list) {
		end := list[i].after
		messages = messages[:upTo(messages, end)]
	}
	if len(messages) == 0 || t.rules.Latest { // what is the latest changes
		if len(messages) == 0 && i < len(list) && lost <= after {
			return list[i].messages, lost, reason // nothing stands between
		}
		return messages, lost, reason
	}
	page := historyPage{after: max(after, lost), messages: messages}
	for _, m := range messages {
		c.bytes += costOf(m)
	}
	if c.bytes > maxPageBytes {
		c.clear()
		return messages, lost, reason
	}
	if c.topics == nil {
		c.topics = map[*topic][]historyPage{}
	}
	c.topics[t] = slices.Insert(c.topics[t], i, page)
	return messages, lost, reason
}

// upTo returns how many of the messages are not behind the place.
func upTo(messages []*Message, place uint64) int {
	n := len(messages)
	for n > 0 && messages[n-1].Seq > place {
		n--
	}
	return n
}

// clear lets all pages go, when nobody is being replayed any more.
func (c *pages) clear() { c.topics, c.bytes = nil, 0 }
