package conformance

import (
	"fmt"
	"strings"
	"time"
)

// Actor is an end of a connection.
type Actor uint8

// The ends that a case can be about.
const (
	ServerActor Actor = iota + 1
	ClientActor
)

func (a Actor) String() string {
	switch a {
	case ServerActor:
		return "server"
	case ClientActor:
		return "client"
	}
	return fmt.Sprintf("Actor(%d)", uint8(a))
}

// Level says how binding a requirement is.
type Level uint8

// A requirement is a MUST or a SHOULD of the standard that its item names;
// Hardening is what a good implementation does where the standards are silent
// or leave a choice.
const (
	Must Level = iota + 1
	Should
	Hardening
)

func (l Level) String() string {
	switch l {
	case Must:
		return "MUST"
	case Should:
		return "SHOULD"
	case Hardening:
		return "hardening"
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// ParseLevel reads a level, in whichever case its letters are.
func ParseLevel(s string) (Level, error) {
	for l := Must; l <= Hardening; l++ {
		if strings.EqualFold(s, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("conformance: %q is no level; there are MUST, SHOULD and hardening", s)
}

// Group is the items of one part of a standard.
type Group struct {
	ID      string // such as WS-5.4
	Section string // the standard and its section, such as RFC 6455 §5.4
	Title   string
	Items   []*Item
}

// Item is one requirement.
type Item struct {
	Group          *Group
	ID             string // such as WS-5.4-05
	Section        string // the group's, unless it has one of its own
	Server, Client bool   // the ends that it binds
	Level          Level
	Rule           string // what it demands, in a sentence
	Outside        string // why it has no case: nobody can see it from outside
	Cases          []*Case
}

// Case is one conversation that shows whether an end meets an item.
type Case struct {
	Item           *Item
	ID             string // the item's and a number, such as WS-5.4-05/2
	Name           string
	Server, Client bool     // the ends that it can be played with
	Level          Level    // the item's, unless the case has one of its own
	Needs          []string // what the end under test has to offer besides the echo; see Features
	Knobs          []Knob   // settings that the end under test is asked for
	Mutant         string   // the fault that this case has to find
	Timeout        time.Duration
	Steps          []Step
	File           string // where it stands
	Line           int

	offer, answer string // Sec-WebSocket-Extensions of the handshake
	takeover      bool   // the suite has to be free to look back at its messages
}

// Knob is a setting in the query of the URL that the end under test is given.
type Knob struct{ Name, Value string }

// Step is one line of a case.
type Step struct {
	Line  int
	Text  string // as it stands in the file, its names replaced by their values
	Edits []string
}
