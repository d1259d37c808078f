package openline

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// crowds are the users in the channels whose namespaces ask for Presence. Who has no session left there stays for the grace, so that a quick reconnect neither leaves nor joins. As it is the same for
// all, one list in the order of going and one timer do.
type crowds struct {
	hub   *Hub
	grace time.Duration
	ctx   context.Context // ends when the hub begins to end
	end   context.CancelFunc

	mu      sync.Mutex // may be taken while Hub.order is held, not the reverse; guards the following and what it leads to
	all     map[string]*crowd
	leaving list.List   // of *attendant, in the order of going
	timer   *time.Timer // for the first of leaving; made when it is needed
	armed   bool
	untold  []*attendant // of whom something is to be published, in order
	telling bool         // a goroutine does so
	over    bool
}

// A crowd is the users in one channel.
type crowd struct {
	channel string
	rules   *Namespace
	users   map[string]*attendant // with those who have left and of whom that has not been published
	present list.List             // of *attendant, in the order of coming
}

// An attendant is a user in a channel.
type attendant struct {
	crowd    *crowd
	user     string
	since    time.Time
	sessions []*Session
	last     sessionID     // of the session that came first, or went last
	place    *list.Element // in crowd.present; nil: she has left
	going    *list.Element // in crowds.leaving; nil: she is not on her way out
	until    time.Time     // when she will have left, if she is
	told     bool          // sys:join has been published, and no sys:leave since
	queued   bool          // she is in crowds.untold
}

const defaultGrace = 5 * time.Second

func newCrowds(h *Hub, grace time.Duration) *crowds {
	if grace == 0 {
		grace = defaultGrace
	}
	c := &crowds{hub: h, grace: grace, all: map[string]*crowd{}}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// arrive is called when the session enters the channel. Hub.order is held.
func (c *crowds) arrive(s *Session, t *topic) {
	if !t.rules.Presence {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	in := c.all[t.name]
	if in == nil {
		in = &crowd{channel: t.name, rules: t.rules, users: map[string]*attendant{}}
		c.all[t.name] = in
	}
	a := in.users[s.user]
	if a == nil {
		a = &attendant{crowd: in, user: s.user}
		in.users[s.user] = a
	}
	if a.sessions = append(a.sessions, s); len(a.sessions) == 1 {
		a.last = s.id
	}
	if a.going != nil {
		c.leaving.Remove(a.going)
		a.going = nil
	}
	if a.place == nil {
		a.since = time.Now()
		a.place = in.present.PushBack(a)
		c.changed(a)
	}
}

// depart is called when the session has left the channel. Hub.order is held.
func (c *crowds) depart(s *Session, t *topic) {
	if !t.rules.Presence {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	a := c.all[t.name].users[s.user]
	at := slices.Index(a.sessions, s)
	a.sessions = slices.Delete(a.sessions, at, at+1)
	if len(a.sessions) > 0 {
		return
	}
	a.sessions, a.last = nil, s.id
	if c.grace <= 0 {
		c.left(a)
		return
	}
	a.until = time.Now().Add(c.grace)
	a.going = c.leaving.PushBack(a)
	c.arm()
}

// arm sets the timer for the first of leaving. mu is held.
func (c *crowds) arm() {
	first := c.leaving.Front()
	if c.armed || first == nil {
		return
	}
	c.armed = true
	after := time.Until(first.Value.(*attendant).until)
	if c.timer == nil {
		c.timer = time.AfterFunc(after, c.due)
		return
	}
	c.timer.Reset(after)
}

// due lets those go whose grace has ended.
func (c *crowds) due() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
	if c.over {
		return
	}
	now := time.Now()
	for e := c.leaving.Front(); e != nil; e = c.leaving.Front() {
		a := e.Value.(*attendant)
		if a.until.After(now) {
			break
		}
		c.leaving.Remove(e)
		a.going = nil
		c.left(a)
	}
	c.arm()
}

// left takes a out of the crowd. mu is held.
func (c *crowds) left(a *attendant) {
	a.crowd.present.Remove(a.place)
	a.place = nil
	if a.crowd.rules.JoinLeave {
		c.changed(a)
		return
	}
	c.forget(a)
}

func (c *crowds) forget(a *attendant) {
	delete(a.crowd.users, a.user)
	if len(a.crowd.users) == 0 {
		delete(c.all, a.crowd.channel)
	}
}

// changed has it published that a has come or left, as it is when her turn has come: a user is at most once in the queue, and who has come and left meanwhile is not mentioned. mu is held.
func (c *crowds) changed(a *attendant) {
	if !a.crowd.rules.JoinLeave || a.queued {
		return
	}
	a.queued = true
	c.untold = append(c.untold, a)
	if !c.telling {
		c.telling = true
		c.hub.begin()
		go c.tell()
	}
}

// tell publishes who has come and left, one after the other, as that may wait, and ends when there is nothing left to say.
func (c *crowds) tell() {
	defer c.hub.finish()
	for p := c.next(); p != nil; p = c.next() {
		if err := c.hub.announce(c.ctx, p); err != nil && c.ctx.Err() == nil {
			c.hub.log.Warn("who came or left could not be published", "channel", p.Channel, "type", p.Type, "error", err)
		}
	}
}

// next returns what is to be published next, or nil.
func (c *crowds) next() *Publication {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.untold) > 0 && !c.over {
		a := c.untold[0]
		c.untold[0] = nil
		c.untold = c.untold[1:]
		a.queued = false
		p := &Publication{Channel: a.crowd.channel, Rules: a.crowd.rules}
		switch here := a.place != nil; {
		case here == a.told:
		case here:
			p.Type = "sys:join"
		default:
			p.Type = "sys:leave"
		}
		if a.told = a.place != nil; !a.told {
			c.forget(a)
		}
		if p.Type != "" {
			p.Data = append(appendString([]byte(`{"user":`), a.user), `,"session":`...)
			p.Data = append(appendString(p.Data, a.last.String()), '}')
			return p
		}
	}
	c.untold, c.telling = nil, false
	return nil
}

// announce publishes what is the hub's own, when there is room, without waiting for its delivery if the broker allows that.
func (h *Hub) announce(ctx context.Context, p *Publication) error {
	if err := h.wait(ctx); err != nil {
		return err
	}
	if b, ok := h.broker.(Placer); ok {
		_, _, err := b.Place(p)
		return err
	}
	_, err := h.broker.Publish(ctx, p)
	return err
}

// list returns who is in the channel, as Hub.Presence does.
func (c *crowds) list(channel string) ([]Member, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.all[channel]
	if in == nil {
		return []Member{}, 0
	}
	members := make([]Member, 0, min(in.present.Len(), maxMembers))
	for e := in.present.Front(); e != nil && len(members) < maxMembers; e = e.Next() {
		a := e.Value.(*attendant)
		m := Member{User: a.user, Since: a.since.UTC().Truncate(time.Millisecond), Sessions: make([]string, 0, min(len(a.sessions), maxMemberSessions))}
		for _, s := range a.sessions[:min(len(a.sessions), maxMemberSessions)] {
			m.Sessions = append(m.Sessions, s.ID())
		}
		members = append(members, m)
	}
	return members, in.present.Len()
}

// stop is called when the hub begins to end: from now on nobody comes or leaves.
func (c *crowds) stop() {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.all, c.untold = nil, nil
	c.leaving.Init()
}
