package client

import "time"

// Phase is what a [Client] is doing.
type Phase string

// The phases.
const (
	Connecting Phase = "connecting" // an attempt has begun
	Open       Phase = "open"       // there is a session
	Waiting    Phase = "waiting"    // until the next attempt
	Closed     Phase = "closed"     // for good
)

// State is what [Options].OnState is told.
type State struct {
	Phase     Phase
	Transport Transport     // of the attempt or session; in Waiting, of the one that has ended
	Session   string        // Open: its id
	Resumed   bool          // Open: it goes on where the one before ended
	Delay     time.Duration // Waiting: until the next attempt
	Err       error         // Waiting, Closed: why
}
