package openline

import (
	"encoding/json"
	"slices"
	"time"
)

// seqOf returns the place that a cursor says: 0 for one of another order, and nothing for one of no place that there has been.
func (c *modelClient) seqOf(cursor string) (seq uint64, known bool) {
	epoch, seq, e := parseCursor(cursor)
	switch {
	case e != nil:
		c.w.fail("%q is no cursor", cursor)
	case epoch != c.w.hub.epoch:
		return 0, true
	case seq > c.w.place():
		return seq, false
	}
	return seq, true
}

// known reports whether the cursor is not behind the place.
func (w *modelWorld) known(cursor string, place uint64) bool {
	epoch, seq, _ := parseCursor(cursor)
	return seq <= place || epoch != w.hub.epoch
}

func (c *modelClient) receive(m *Message, at time.Time) {
	w, l := c.w, c.line
	if place := m.Place(); place != "" {
		c.cursor = place
	}
	if m.Seq > 0 && (m.Type == "sys:join" || m.Type == "sys:leave") {
		c.comes(m)
		return
	}
	w.note("%s gets %s %s %s %s %s", c.name(), m.Type, m.Channel, m.Key, m.ID, m.Cursor)
	switch m.Type {
	case "sys:open":
		c.opens(m)
	case "sys:gap":
		c.misses(m)
	case "sys:ok":
		r, ok := l.pending[string(m.Ref)]
		if !ok {
			w.fail("%s: an answer to nothing", m.JSON())
		}
		delete(l.pending, string(m.Ref))
		c.answered(r)
	case "sys:drain", "sys:error":
		if m.Type == "sys:error" && len(m.Ref) > 0 {
			w.fail("%s", m.JSON())
		}
	default:
		c.gets(m, at)
	}
}

func (c *modelClient) opens(m *Message) {
	w, l := c.w, c.line
	var d openData
	if err := json.Unmarshal(m.Data, &d); err != nil || d.Cursor != m.Cursor {
		w.fail("%s, %v", m.JSON(), err)
	}
	l.opened, l.whole = true, d.Resumed
	from := l.begin
	for _, channel := range append([]string{inbox(c.user), everyone}, l.channels...) {
		l.from[channel] = from
		if before, ok := c.cover[channel]; !ok || from < before || !l.goesOn {
			c.cover[channel] = from
		}
		for m := range c.have { // it begins anew from there
			if m.channel == channel && m.seq > from {
				delete(c.have, m)
			}
		}
	}
	if seq, _ := c.seqOf(d.Cursor); seq != from {
		w.fail("%s: want the place %d", m.JSON(), from)
	}
}

func (c *modelClient) misses(m *Message) {
	w, l := c.w, c.line
	var g Gap
	if err := json.Unmarshal(m.Data, &g); err != nil || g.Cursor != m.Cursor {
		w.fail("%s, %v", m.JSON(), err)
	}
	after, _ := c.seqOf(g.After)
	before, _ := c.seqOf(g.Before)
	w.note("   %s", m.Data)
	loose := g.Reason == GapRestarted || g.Reason == GapUnknown
	if loose {
		after = 0
	} else {
		if after >= before {
			w.fail("%s is no gap", m.Data)
		}
		gone := false
		for _, m := range w.log {
			gone = gone || m.channel == g.Channel && m.seq > after && m.seq < before && !l.got[m]
		}
		if !gone && !l.joined[before-1] && g.Reason != GapNoHistory { // what went at that very moment may have been later, and of what is not kept only the last is known
			w.fail("%s: %s: nothing is gone there", c.name(), m.Data)
		}
	}
	l.gaps = append(l.gaps, modelGap{g.Channel, after, before, loose})
	c.gaps = append(c.gaps, modelGap{g.Channel, after, before, loose})
}

func (c *modelClient) answered(r modelRequest) {
	l := c.line
	from := r.begin
	if r.kind == "unsubscribe" {
		delete(l.from, r.channel)
		delete(c.cover, r.channel)
		c.channels = slices.DeleteFunc(c.channels, func(name string) bool { return name == r.channel })
		return
	}
	if !slices.Contains(c.channels, r.channel) {
		c.channels = append(c.channels, r.channel)
		c.cover[r.channel], l.from[r.channel] = from, from
	} else if r.since == "" {
		return
	}
	c.cover[r.channel], l.from[r.channel] = min(from, c.cover[r.channel]), min(from, l.from[r.channel])
	for k := range l.last {
		if k == r.channel || len(k) == len(r.channel)+1 && k[:len(r.channel)] == r.channel {
			delete(l.last, k)
		}
	}
	if r.since != "" { // it begins anew from there
		l.latest = min(l.latest, from)
		for m := range l.got {
			if m.channel == r.channel && m.seq > from {
				delete(l.got, m)
			}
		}
		for i, g := range l.gaps { // what was missing may come now
			if g.channel == r.channel {
				l.gaps[i].before = min(g.before, from+1)
			}
		}
	}
	delete(l.times, r.channel)
}

// gets takes a message.
func (c *modelClient) gets(m *Message, at time.Time) {
	w, l := c.w, c.line
	one := modelMessage{m.Seq, m.Channel, m.Key}
	if i := slices.Index(w.log, one); i < 0 || m.ID != w.hub.cursorAt(m.Seq) {
		w.fail("%s: nobody has published %s", c.name(), m.JSON())
	}
	from, ok := l.from[m.Channel]
	if !ok || !l.opened {
		w.fail("%s: %s, which is not subscribed to", c.name(), m.JSON())
	}
	rules := w.rulesOf(m.Channel)
	if m.Seq <= from && !rules.Latest && rules.MaxRate == 0 {
		w.fail("%s: %s is from before %d", c.name(), m.JSON(), from)
	}
	k := m.Channel + m.Key
	if m.Seq <= l.last[k] {
		w.fail("%s: %s after %d", c.name(), m.JSON(), l.last[k])
	}
	l.last[k] = m.Seq
	if w.plain(m.Channel) {
		if m.Seq <= l.latest {
			w.fail("%s: %s after %d", c.name(), m.JSON(), l.latest)
		}
		l.latest = m.Seq
		for _, g := range l.gaps {
			if g.channel == m.Channel && !g.loose && m.Seq > g.after && m.Seq < g.before {
				w.fail("%s: %s is in a gap, %d to %d", c.name(), m.JSON(), g.after, g.before)
			}
		}
	}
	if n := int(rules.MaxRate); n > 0 && !rules.Latest {
		times := append(l.times[m.Channel], at)
		if len(times) > n+1 && at.Sub(times[len(times)-1-n-1]) < time.Second {
			w.fail("%s: %s is one too many in a second", c.name(), m.JSON())
		}
		l.times[m.Channel] = times
	}
	l.got[one], c.have[one] = true, true
}

// comes takes note of who comes and goes, one after the other.
func (c *modelClient) comes(m *Message) {
	if !c.watches {
		return
	}
	var d struct{ User string }
	if err := json.Unmarshal(m.Data, &d); err != nil || c.here[d.User] != (m.Type == "sys:leave") {
		// Who was there before the watcher leaves without having come.
		if m.Type == "sys:join" || c.here[d.User] {
			c.w.fail("%s comes and goes: %s", d.User, m.JSON())
		}
	}
	c.here[d.User] = m.Type == "sys:join"
}

// check compares what the client has with what it should have, when all is quiet.
func (c *modelClient) check() {
	w, l := c.w, c.line
	if len(l.pending) > 0 || !l.opened {
		w.fail("%s: no answer came", c.name())
	}
	if l.since != "" && !l.whole && len(l.gaps) == 0 {
		w.fail("%s has not resumed, and no gap says why", c.name())
	}
	newest := map[string]modelMessage{}
	in := func(gaps []modelGap, m modelMessage) bool {
		return slices.ContainsFunc(gaps, func(g modelGap) bool {
			return (g.channel == "" || g.channel == m.channel) && m.seq > g.after && m.seq < g.before
		})
	}
	for _, m := range w.log {
		from, ok := l.from[m.channel]
		if !ok {
			continue
		}
		newest[m.channel+m.key] = m
		if !w.plain(m.channel) {
			continue
		}
		if m.seq > from && !l.got[m] && !in(l.gaps, m) {
			w.fail("%s has not got %+v since %d, and no gap", c.name(), m, from)
		}
		if m.seq > c.cover[m.channel] && !c.have[m] && !in(c.gaps, m) {
			w.fail("%s has not got %+v on any line since %d, and no gap", c.name(), m, c.cover[m.channel])
		}
	}
	for _, m := range newest {
		rules := w.rulesOf(m.channel)
		from := l.from[m.channel]
		if rules.Latest {
			from = 0
		}
		if rules.MaxRate > 0 {
			from = min(from, c.cover[m.channel])
		}
		page, _, _ := w.hub.historian.Page(m.channel, m.seq-1)
		there := len(page) > 0 && page[0].Seq == m.seq
		if m.seq > from && there && !c.have[m] && !l.got[m] && !in(c.gaps, m) {
			w.fail("%s has not got the newest of %s, %d, from %d on", c.name(), m.channel+m.key, m.seq, from)
		}
	}
}
