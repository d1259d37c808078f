package openline

import "slices"

// pages are parts of histories that sessions of a shard are being replayed, so that any number of them read a history once. What is read begins where a session is and ends before the next
// part that is there already, so that sessions with different cursors come together.
type pages struct {
	topics map[*topic][]historyPage
	bytes  int
	reads  int // how often a historian was asked
}

// historyPage is all of a channel's messages behind a place, after, and up to another, end.
type historyPage struct {
	after, end uint64
	messages   []*Message
}

// maxPageBytes bounds what is kept for others beyond what the histories hold.
const maxPageBytes = 16 << 20

// read returns messages of the topic behind after, up to end and more than those there are not. The shard has come to until, which is where it looks at least if there are none.
// lost and reason are those of Historian.Page.
func (c *pages) read(from Historian, t *topic, after, until uint64) (messages []*Message, end, lost uint64, reason string) {
	list := c.topics[t]
	// i is the first page that ends behind after.
	i, _ := slices.BinarySearchFunc(list, after, func(p historyPage, after uint64) int {
		if p.end <= after {
			return -1
		}
		return 1
	})
	if i < len(list) && list[i].after <= after {
		return list[i].messages[upTo(list[i].messages, after):], list[i].end, 0, ""
	}
	c.reads++
	messages, lost, reason = from.Page(t.name, after)
	end = max(after, lost, until)
	if len(messages) > 0 {
		end = messages[len(messages)-1].Seq
	}
	if t.rules.Latest { // what is the latest changes
		return messages, end, lost, reason
	}
	if i < len(list) && end > list[i].after {
		end = max(list[i].after, after, lost)
		messages = messages[:upTo(messages, end)]
	}
	c.keep(t, i, historyPage{max(after, lost), end, messages})
	return messages, end, lost, reason
}

// keep puts a page into the topic's list, where i says.
func (c *pages) keep(t *topic, i int, p historyPage) {
	if p.end <= p.after {
		return
	}
	for _, m := range p.messages {
		c.bytes += costOf(m)
	}
	if c.bytes > maxPageBytes {
		c.clear()
		return
	}
	if c.topics == nil {
		c.topics = map[*topic][]historyPage{}
	}
	c.topics[t] = slices.Insert(c.topics[t], i, p)
}

// upTo returns how many of the messages are not behind the place.
func upTo(messages []*Message, place uint64) int {
	n, _ := slices.BinarySearchFunc(messages, place, func(m *Message, place uint64) int {
		if m.Seq <= place {
			return -1
		}
		return 1
	})
	return n
}

// clear lets all pages go, when nobody is being replayed any more.
func (c *pages) clear() { c.topics, c.bytes = nil, 0 }
