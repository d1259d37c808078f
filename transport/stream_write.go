package transport

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/openline/openline"
)

// piece is the most that is written at once, and has to move within the stall time.
const piece = 64 << 10

// buffers are for what is being written; idle streams have none.
var buffers = sync.Pool{New: func() any { b := make([]byte, chunkHead, 4<<10); return &b }}

// work writes what waits until nothing does. Whoever calls it has set busy, and has
// finished the session when it has ended.
func (s *stream) work() {
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // see buffers
	b := (*buf)[:chunkHead]
	for {
		s.mu.Lock()
		batch, beat := s.waiting, s.beat
		s.waiting, s.beat = nil, false
		if s.gone != nil || len(batch) == 0 && !beat {
			over := s.gone != nil || s.closing
			s.busy = over
			s.mu.Unlock()
			*buf = b[:chunkHead]
			buffers.Put(buf)
			if over {
				s.conclude()
			}
			return
		}
		s.mu.Unlock()
		if len(batch) == 0 {
			batch = [][]byte{s.kind.beat}
			b = s.write(b, batch)
			continue
		}
		b = s.write(b, batch)
		s.wrote(batch)
	}
}

// write writes the batch, in pieces, by way of b, and returns what b has grown to.
func (s *stream) write(b []byte, batch [][]byte) []byte {
	for _, message := range batch {
		for len(message) > 0 {
			n := min(len(message), piece-(len(b)-chunkHead))
			b = append(b, message[:n]...)
			message = message[n:]
			if len(b)-chunkHead == piece {
				if b = s.flush(b); s.broken() {
					return b
				}
			}
		}
	}
	if len(b) > chunkHead {
		b = s.flush(b)
	}
	return b
}

// flush writes what is in b, and empties it.
func (s *stream) flush(b []byte) []byte {
	n := len(b) - chunkHead
	b, err := s.pipe.write(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.gone == nil {
		s.gone = err
	}
	s.written += int64(n)
	s.last = time.Now()
	return b[:chunkHead]
}

// wrote gives the places of the batch back, and asks for more where there is room.
func (s *stream) wrote(batch [][]byte) {
	s.mu.Lock()
	s.count -= len(batch)
	for _, b := range batch {
		s.bytes -= len(b)
	}
	ready := s.asked
	if !s.t.queue.room(s.count, s.bytes, 4) {
		ready = nil
	}
	if ready != nil {
		s.asked = nil
	}
	most := s.t.o.StreamBytes
	long := most > 0 && s.written >= most && !s.closing && !s.renew
	if long {
		s.renew = true
	}
	s.mu.Unlock()
	if ready != nil {
		ready.Ready()
	}
	if long {
		s.end()
	}
}

// end ends an answer that has become long enough: the client goes on with another.
func (s *stream) end() {
	s.hub.Load().Close(openline.CloseNormal, "the answer is as long as it may be: come again with the cursor")
}

// conclude writes the last words, if there is somebody to read them.
func (s *stream) conclude() {
	if !s.broken() {
		b := make([]byte, chunkHead, 256)
		if last := s.kind.last(s); last != nil {
			b = append(b, last...)
			s.flush(b)
		}
	}
	if !s.broken() {
		if err := s.pipe.end(); err != nil {
			s.mu.Lock()
			s.gone = err
			s.mu.Unlock()
		}
	}
	if s.broken() {
		s.pipe.abort()
	}
	s.finish()
}

// setTimer has tick called when the next thing is due.
func (s *stream) setTimer() {
	next := s.due(time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	if next > 0 && s.timer == nil && !s.closing && s.gone == nil {
		s.timer = time.AfterFunc(next, s.tick)
	}
}

// due returns in how long something is due, or 0.
func (s *stream) due(now time.Time) (in time.Duration) {
	earlier := func(at time.Time) {
		if wait := max(at.Sub(now), 1); in == 0 || wait < in {
			in = wait
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if every := s.t.o.Heartbeat; every > 0 {
		earlier(s.last.Add(every))
	}
	if most := s.t.o.StreamTime; most > 0 && !s.renew {
		earlier(s.begun.Add(most))
	}
	if !s.until.IsZero() {
		earlier(s.until)
	}
	return in
}

// tick does what is due.
func (s *stream) tick() {
	now := time.Now()
	s.mu.Lock()
	if s.closing || s.gone != nil {
		s.mu.Unlock()
		return
	}
	over := !s.until.IsZero() && !now.Before(s.until)
	most := s.t.o.StreamTime
	long := most > 0 && !s.renew && now.Sub(s.begun) >= most
	if long {
		s.renew = true
	}
	if every := s.t.o.Heartbeat; every > 0 && now.Sub(s.last) >= every {
		if s.busy {
			s.last = now // it is being written to
		} else {
			s.beat = true
			s.wake()
			s.last = now
		}
	}
	s.mu.Unlock()
	switch {
	case over:
		s.hub.Load().Close(openline.CloseUnauthorised, "the token expired at "+s.until.UTC().Format(time.RFC3339))
		return
	case long:
		s.end()
		return
	}
	in := s.due(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if in > 0 && !s.closing && s.gone == nil {
		s.timer.Reset(in)
	}
}

// errorMessage is a sys:error of the transport's own.
func errorMessage(code, message string) *openline.Message {
	data, _ := json.Marshal(struct { // strings: it cannot fail
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, message})
	return &openline.Message{Type: "sys:error", Data: data, Time: time.Now().UTC()}
}
