package echo

import "github.com/openline/openline/websocket"

// Groups returns how many groups are held.
func (s *Server) Groups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.groups)
}

// Compression is compression.
func Compression(offer string) (*websocket.Compression, error) { return compression(offer) }
