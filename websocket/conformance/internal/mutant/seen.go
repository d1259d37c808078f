package mutant

import (
	"fmt"
	"sync"
	"time"
)

// sighting is what an application was told about the end of its connection.
type sighting struct {
	ending
	messages int
}

// sightings are what the applications of a server were told, by the names of the
// cases.
type sightings struct {
	mu   sync.Mutex
	ends map[string]chan sighting
}

func (s *sightings) of(name string) chan sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.ends[name]
	if c == nil {
		c = make(chan sighting, 16)
		s.ends[name] = c
	}
	return c
}

func (s *sightings) tell(name string, e ending, messages int) {
	select {
	case s.of(name) <- sighting{e, messages}:
	default:
	}
}

// wait waits for the end of a connection.
func (s *sightings) wait(name string) string {
	select {
	case e := <-s.of(name):
		return fmt.Sprintf("%d %d %s", e.code, e.messages, e.reason)
	case <-time.After(10 * time.Second):
		return "0 0 nothing was seen"
	}
}
