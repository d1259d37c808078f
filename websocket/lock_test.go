package websocket

import (
	"sync"
	"testing"
	"testing/synctest"
)

// TestLock: one at a time has it, those who wait get it in turn, and who gives up
// takes nobody's turn.
func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lock
		if !l.tryAcquire() || l.tryAcquire() {
			t.Fatal("a free lock is taken once")
		}
		var order []int
		giveUp := make(chan struct{})
		var waiting sync.WaitGroup
		for i := range 5 {
			waiting.Go(func() {
				stop := giveUp
				if i%2 == 0 {
					stop = nil
				}
				if l.acquire(nil, stop) {
					order = append(order, i)
					l.release()
				}
			})
			synctest.Wait()
		}
		close(giveUp)
		synctest.Wait()
		l.release()
		waiting.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 4 {
			t.Errorf("the lock went to %v", order)
		}
		if l.state.Load() != 0 {
			t.Errorf("the state is %d when nobody has it", l.state.Load())
		}
	})
}

// TestLockLook: a holder who is asked to look learns of it when he lets go.
func TestLockLook(t *testing.T) {
	var l lock
	if !l.acquireOrAsk() || l.acquireOrAsk() || l.acquireOrAsk() {
		t.Fatal("a free lock is taken once")
	}
	if l.release() {
		t.Error("let go without a look")
	}
	if !l.release() || l.state.Load() != 0 {
		t.Error("not let go after the look")
	}
}

// TestLockGivingUp: giving up while the lock is handed over loses nothing.
func TestLockGivingUp(t *testing.T) {
	var l lock
	var n int
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				stop := make(chan struct{})
				go close(stop)
				if l.acquire(stop, nil) {
					n++
					l.release()
				}
				l.acquire(nil, nil)
				n++
				l.release()
			}
		})
	}
	all.Wait()
	if n < 16000 || l.state.Load() != 0 {
		t.Errorf("%d turns, state %d", n, l.state.Load())
	}
}
