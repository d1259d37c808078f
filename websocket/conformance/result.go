package conformance

import "time"

// Verdict is how a case ended.
type Verdict uint8

// A case that needs something that the end under test does not offer is
// Skipped, never passed.
const (
	Passed Verdict = iota + 1
	Failed
	Skipped
)

func (v Verdict) String() string {
	switch v {
	case Passed:
		return "pass"
	case Failed:
		return "fail"
	}
	return "skip"
}

// Result is one case, played with one end.
type Result struct {
	Case    *Case
	Actor   Actor // the end under test
	Verdict Verdict
	// Reason says why the case failed or was skipped.
	Reason string
	// Line is the line of the case's file at which it failed.
	Line int
	// Remark says what was tolerated in interop mode although strict mode does not.
	Remark string
	Took   time.Duration
	// Exchange is what went over the wire; long stretches are shortened.
	Exchange []Event
}

// EventKind is what happened.
type EventKind uint8

// What an Event can be.
const (
	Octets     EventKind = iota + 1 // octets went over the wire
	EndOfWrite                      // FIN
	Reset                           // RST
	Opened                          // a TCP connection was opened
	Note                            // What says what
)

func (k EventKind) String() string {
	switch k {
	case Octets:
		return "octets"
	case EndOfWrite:
		return "end"
	case Reset:
		return "reset"
	case Opened:
		return "opened"
	}
	return "note"
}

// Event is one thing that happened on the wire.
type Event struct {
	At   time.Duration // since the case began
	Conn int           // which of the case's connections, from 0
	Sent bool          // by the suite; otherwise by the end under test
	Kind EventKind
	// Octets begins with at most 512 of the Total octets.
	Octets []byte
	Total  int
	// What says in words what it is: a line of HTTP or a frame, decoded. Long
	// words are shortened.
	What string
}

// Report is the outcome of a run.
type Report struct {
	Target  string // the URL or the command under test
	Actor   Actor
	Driver  string // which way of driving the target, if it has several
	Strict  bool
	Started time.Time
	Took    time.Duration
	Results []Result // in the order of the cases
}

// Counts are numbers of results.
type Counts struct{ Passed, Failed, Skipped, Remarked int }

// Total is the number of all results; a remarked one has passed, and is not
// counted twice.
func (c Counts) Total() int { return c.Passed + c.Failed + c.Skipped }

// Counts counts all results.
func (r *Report) Counts() Counts {
	var c Counts
	for i := range r.Results {
		c.add(&r.Results[i])
	}
	return c
}

// GroupCounts counts the results of each group, in the order in which the groups
// first appear.
func (r *Report) GroupCounts() []GroupCount {
	var list []GroupCount
	at := map[*Group]int{}
	for i := range r.Results {
		g := r.Results[i].Case.Item.Group
		n, ok := at[g]
		if !ok {
			n = len(list)
			at[g] = n
			list = append(list, GroupCount{Group: g})
		}
		list[n].add(&r.Results[i])
	}
	return list
}

// GroupCount is the Counts of one group.
type GroupCount struct {
	Group *Group
	Counts
}

func (c *Counts) add(r *Result) {
	switch r.Verdict {
	case Passed:
		c.Passed++
	case Failed:
		c.Failed++
	case Skipped:
		c.Skipped++
	}
	if r.Remark != "" {
		c.Remarked++
	}
}

// OK reports whether nothing failed and something passed.
func (r *Report) OK() bool {
	c := r.Counts()
	return c.Failed == 0 && c.Passed > 0
}
