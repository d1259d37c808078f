package openline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Shutdown ends the hub. From its first moment Open refuses with 1013. Each session gets sys:drain, which tells it to come back after a time of its own, spread over
// Options.DrainSpread, and is closed with 1001. Shutdown waits until the transports have said Closed for all of them, and all openings have ended, or until ctx ends;
// then it ends the broker and the shards. A publish or a subscription that comes later gets ErrHubClosed.
//
// The error says how many sessions were left when ctx ended. A second call waits for the first.
func (h *Hub) Shutdown(ctx context.Context) error {
	if h.draining.Swap(true) {
		select {
		case <-h.ended:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer close(h.ended)
	h.crowds.stop()
	all := h.sessions.page(nil, -1)
	spread := max(h.o.DrainSpread, 0)
	for i, s := range all {
		s.drain(spread * time.Duration(i) / time.Duration(len(all)))
	}
	err := h.await(ctx)
	if e := h.broker.Close(); e != nil && err == nil {
		err = fmt.Errorf("openline: closing the broker: %w", e)
	}
	var busy sync.WaitGroup
	h.order.Lock()
	h.closed = true
	busy.Add(len(h.shards))
	for _, s := range h.shards {
		s.put(handover{do: ask, call: busy.Done}) // the last one
	}
	h.order.Unlock()
	busy.Wait()
	return err
}

// await waits until nothing is live any more.
func (h *Hub) await(ctx context.Context) error {
	idle := make(chan struct{})
	h.liveMu.Lock()
	h.idle = idle
	h.settle()
	h.liveMu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	h.liveMu.Lock()
	left := h.live
	h.idle = nil
	h.liveMu.Unlock()
	if left == 0 {
		return nil
	}
	return fmt.Errorf("openline: %d sessions had not ended: %w", left, context.Cause(ctx))
}

// drain tells the session to come back in about retry, and closes it. A little chance keeps two nodes' sessions apart.
func (s *Session) drain(retry time.Duration) {
	if !s.end(&CloseReason{Code: CloseGoingAway, Reason: "draining"}) {
		return
	}
	ms := retry.Milliseconds() + rand.Int64N(100)
	_ = s.post(s.system("sys:drain", nil, append(strconv.AppendInt([]byte(`{"retry":`), ms, 10), '}')))
	s.line.Close(CloseGoingAway, "draining")
	s.detach()
}
