package load

import "time"

// Plan is what is published.
type Plan struct {
	// Publishers is how many HTTP connections publish, each waiting for the answer
	// before it sends the next request. Default: 1.
	Publishers int
	// Rate is messages a second, of all publishers together. Default: as many as
	// the server accepts.
	Rate float64
	// Size is the length in bytes of the JSON string that is published; it is
	// never below 43. Default: 64.
	Size int
	// Time is how long messages are published. Default: 10s.
	Time time.Duration
	// Messages ends it earlier, when that many have been published. Default: no
	// limit.
	Messages uint64
	// Unicast sends each message to one session, to one after the other, instead
	// of to Everyone.
	Unicast bool
	// Say has the publishers be clients instead of a backend, in the names of the
	// first sessions' users, which publish over the fleet's transport: over a WebSocket, or by requests beside what carries
	// messages down. It wants an HTTPDialect, and is not for Unicast.
	Say bool
	// Settle is how long the fleet waits, after the last message that came, for
	// those that are missing. Default: 5s.
	Settle time.Duration
	// Stop has that many sessions, the first ones, stop reading when the first
	// message is published. They are left out of what is reckoned. Default: 0.
	Stop int
	// Random has messages leave at random times, with the rate that they have
	// together: the same times in every run.
	Random bool
	// Phase, if not nil, says which part of the run it is, from 0 on, when a message
	// leaves: of each part there is a Latency of its own in Traffic.Phases.
	Phase func() int
	// Progress, if not nil, is called every 50 ms or so from the goroutine of the
	// fleet, with how long messages have been published and how many arrived.
	Progress func(past time.Duration, deliveries uint64)
}

const (
	defaultSize   = 64
	defaultTime   = 10 * time.Second
	defaultSettle = 5 * time.Second
)

func (p Plan) resolved(sessions int) Plan {
	p.Publishers = max(p.Publishers, 1)
	if p.Unicast { // each of them serves sessions of its own
		p.Publishers = min(p.Publishers, sessions)
	}
	if p.Size <= 0 {
		p.Size = defaultSize
	}
	p.Size = max(p.Size, stampSize+2)
	if p.Time <= 0 {
		p.Time = defaultTime
	}
	if p.Settle <= 0 {
		p.Settle = defaultSettle
	}
	return p
}

// Traffic is what became of a Plan.
type Traffic struct {
	Run        uint32            // what its messages are known by
	Published  uint64            // messages that the server accepted
	Refused    map[string]uint64 // those that it did not, by what it said
	Took       time.Duration     // from the first request to the last answer
	Answer     Histogram         // how long each request took
	Deliveries uint64
	Until      time.Duration  // from the first request to the last delivery
	Latency    Histogram      // from when a message was due to be sent to its arrival
	Wire       Wire           // what the sessions sent and got for that
	Said       Wire           // what the publishers did
	Phases     []Phase        // where the Plan has them
	Lost       uint64         // accepted, for a session that stayed, and not there
	Duplicates uint64         // there already, or out of order
	Cut        map[string]int // sessions that the server ended, by how
}

// Phase is a part of a run.
type Phase struct {
	Latency Histogram // as in Traffic
	// Late is the load's own delay: from when a message was due, and a publisher
	// free, until its request left. What comes is read about as late.
	Late Histogram
	from int64 // when its first message was due
}

// Wire is what sessions sent and got.
type Wire struct {
	Sent, Received uint64 // octets above TCP
	Requests       uint64 // HTTP requests, with those that open a WebSocket
	Empty          uint64 // answers to polls with no message
}

// since is what came to w after before.
func (w wire) since(before wire) Wire {
	return Wire{w.sent - before.sent, w.received - before.received, w.requests - before.requests, w.empty - before.empty}
}
