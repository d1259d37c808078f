package openline

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// A Namespace says what holds for the channels whose names begin with its own and a colon. Its zero value is what holds where nothing is said.
type Namespace struct {
	History   History    // what the broker keeps of a channel
	Presence  bool       // who is in a channel can be asked for
	JoinLeave bool       // sys:join and sys:leave are published to a channel; it implies Presence
	Subscribe Rule       // who may subscribe
	Publish   Rule       // who may publish
	Latest    bool       // a message replaces the one before that has the same Key: a new subscriber gets the latest of each
	MaxRate   float64    // messages a second that a session gets of a channel at most, the latest of each Key; 0: as many as there are
	Slow      SlowPolicy // what becomes of a session that does not keep up with a channel
}

// History bounds what the broker keeps of one channel. The first bound that is reached counts.
type History struct {
	None  bool          // nothing is kept: what a session misses is gone
	Size  int           // messages; default 1,000; negative: no bound of its own
	Bytes int           // their memory, in bytes; default and negative: no bound of its own
	Age   time.Duration // default 10 minutes; negative: no bound of its own
}

// A Rule says which clients may do something. Backends, by the methods of Hub, may do everything.
type Rule uint8

// The rules.
const (
	Anyone  Rule = iota // every session
	Members             // sessions whose Opening.Claims are a Membership that the channel is in
	Backend             // no session
)

// A Membership is what Opening.Claims may be, so that rules can ask for members.
type Membership interface {
	// Member reports whether the user belongs to the channel. It may be called concurrently and must not wait.
	Member(channel string) bool
}

// A SlowPolicy says what becomes of a session whose queue is full, or for a PacedLine more than half full, when there is another message for it.
type SlowPolicy uint8

// The policies.
const (
	Disconnect SlowPolicy = iota // it is closed with 4008, and can resume
	DropOldest                   // it gets what the history still has when it can take it, after a sys:gap if something is gone
	Newest                       // it gets the newest message of each Key when it can take it
)

// Names of namespaces that no channel's name begins with.
const (
	DefaultNamespace  = "default" // channels of no other namespace; it says what holds where another leaves History out
	InboxNamespace    = "@"       // users' inboxes
	EveryoneNamespace = "@*"      // everyone's channel
)

const (
	defaultHistorySize = 1000
	defaultHistoryAge  = 10 * time.Minute
)

// namespaceOf returns the name of the namespace that the channel belongs to, if there is one of that name.
func namespaceOf(channel string) string {
	if reserved(channel) {
		if channel == everyone {
			return EveryoneNamespace
		}
		return InboxNamespace
	}
	name, _, ok := strings.Cut(channel, ":")
	if !ok {
		return DefaultNamespace
	}
	return name
}

// namespaces are Options.Namespaces with what they leave out filled in.
type namespaces struct {
	named map[string]*Namespace
	other *Namespace // of channels in none of them
}

// CheckNamespaces returns nil if New takes the namespaces, else an error that says what is wrong with which.
func CheckNamespaces(list map[string]Namespace) error {
	for name, n := range list {
		if err := checkNamespace(name, &n); err != nil {
			return fmt.Errorf("openline: namespace %q: %w", name, err)
		}
	}
	return nil
}

func checkNamespace(name string, n *Namespace) error {
	switch {
	case name == InboxNamespace, name == EveryoneNamespace:
		if n.Subscribe != Anyone || n.Publish != Anyone {
			return errors.New("every session is subscribed to this channel, and Options.Authorize says who may send: leave its rules out")
		}
		if n.Presence || n.JoinLeave {
			return errors.New("this channel has no presence, as every session is in it: leave presence out")
		}
	case strings.Contains(name, ":"):
		return errors.New("a namespace's name ends before the first colon")
	case reserved(name):
		return fmt.Errorf("names that begin with @ are reserved: %q is for inboxes, %q for broadcasts", InboxNamespace, EveryoneNamespace)
	default:
		if e := checkAlphabet("namespace", name, true); e != nil {
			return errors.New(e.Message)
		}
	}
	switch {
	case n.Subscribe > Backend || n.Publish > Backend:
		return errors.New("there is no such rule: it is Anyone, Members or Backend")
	case n.Slow > Newest:
		return errors.New("there is no such policy: it is Disconnect, DropOldest or Newest")
	case math.IsNaN(n.MaxRate) || n.MaxRate < 0 || n.MaxRate > 0 && n.MaxRate < minRate || n.MaxRate > maxRate:
		return fmt.Errorf("the rate is 0 for any, or %v to %v messages a second", minRate, maxRate)
	case n.Latest && n.History.None:
		return errors.New("what keeps the latest messages has a history: leave one of the two out")
	}
	return nil
}

// Bounds of Namespace.MaxRate: slower is of no use, and faster than the timers.
const (
	minRate = 0.001
	maxRate = 1000
)

// newNamespaces fills in what the list leaves out.
func newNamespaces(list map[string]Namespace) *namespaces {
	base := list[DefaultNamespace]
	base.History = base.History.or(History{Size: defaultHistorySize, Age: defaultHistoryAge})
	all := &namespaces{named: make(map[string]*Namespace, len(list)), other: &base}
	for name, n := range list {
		n.History = n.History.or(base.History)
		n.Presence = n.Presence || n.JoinLeave
		all.named[name] = &n
	}
	base.Presence = base.Presence || base.JoinLeave
	all.named[DefaultNamespace] = &base
	for _, name := range []string{InboxNamespace, EveryoneNamespace} {
		if all.named[name] == nil {
			all.named[name] = &Namespace{History: base.History}
		}
	}
	return all
}

// or returns h, with what it leaves out as in other.
func (h History) or(other History) History {
	if h == (History{}) {
		return other
	}
	if h.None {
		return History{None: true}
	}
	if h.Size == 0 {
		h.Size = max(other.Size, 0)
		if h.Size == 0 {
			h.Size = defaultHistorySize
		}
	}
	if h.Bytes == 0 {
		h.Bytes = other.Bytes
	}
	if h.Age == 0 {
		h.Age = other.Age
		if h.Age == 0 {
			h.Age = defaultHistoryAge
		}
	}
	return h
}

// of returns what holds for the channel.
func (n *namespaces) of(channel string) *Namespace {
	if found := n.named[namespaceOf(channel)]; found != nil {
		return found
	}
	return n.other
}

// allows asks the rule about a client.
func (r Rule) allows(s *Session, channel string) bool {
	switch r {
	case Anyone:
		return true
	case Members:
		m, ok := s.claims.(Membership)
		return ok && m.Member(channel)
	case Backend:
	}
	return false
}
