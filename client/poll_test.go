package client

import (
	"testing"
	"testing/synctest"
	"time"
)

// Polls follow each other with the cursor of the last, and the session goes on
// after a failure.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		poll := func(since, wait string, answer func(*line)) func(*line) {
			return func(l *line) {
				l.wantSince(since)
				if got := l.r.URL.Query().Get("wait"); got != wait {
					t.Errorf("wait %q, want %q", got, wait)
				}
				answer(l)
			}
		}
		says := func(cursor string, messages ...string) func(*line) {
			return func(l *line) { l.answer(cursor, messages...) }
		}
		var left time.Time
		f.play(
			"poll",
			poll("", "", says("e-1.p1.1", opened("e-0", false), message(1))),
			poll("e-1.p1.1", "25s", says("e-3.p1.2", message(2), message(3))),
			poll("e-3.p1.2", "25s", func(l *line) {
				time.Sleep(25 * time.Second)
				l.answer("e-3.p1.2")
			}),
			poll("e-3.p1.2", "25s", func(l *line) { l.w.WriteHeader(204) }), // of other servers: nothing
			poll("e-3.p1.2", "25s", func(l *line) { l.cut() }),
			poll("e-3.p1.2", "", says("e-3.p1.2")), // the session is still there
			poll("e-3.p1.2", "25s", func(l *line) {
				left = time.Now()
				l.refuse(504, "") // a proxy that does not hold so long
			}),
			poll("e-3.p1.2", "", func(l *line) {
				l.answer("e-4.p2.1", opened("e-3", true), message(3), message(4)) // it was over
			}),
			poll("e-4.p2.1", "12.5s", func(l *line) {
				l.w.Header().Set("Content-Type", "application/json")
				l.write(`{"cursor":"e-5.p2.2","messages":[` + message(5) + `],"more":true}`)
			}),
			poll("e-5.p2.2", "", says("e-6.p2.3", message(6))),
			poll("e-6.p2.3", "12.5s", func(l *line) { l.wait() }),
		)
		c := f.dial(f.options(Poll))
		if got := numbers(t, c, 6); got != "1 2 3 4 5 6" {
			t.Error(got)
		}
		if d := time.Since(left); d > 3*time.Second {
			t.Errorf("waited %v", d)
		}
		synctest.Wait()
		if got := c.Cursor(); got != "e-6" {
			t.Errorf("cursor %q", got)
		}
	})
}

// An answer that is empty at once, again and again, is no reason to ask as often.
func TestPollPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.play("poll", func(l *line) { l.answer("e-0.p1", opened("e-0", false)) })
		for range 10 {
			f.play("poll", func(l *line) { l.answer("e-0.p1") })
		}
		f.play("poll", func(l *line) { l.answer("e-1.p1", message(1)) }, func(l *line) { l.wait() })
		began := time.Now()
		numbers(t, f.dial(f.options(Poll)), 1)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("eleven polls took %v", d)
		}
	})
}

// A poll that is never answered is given up some time after it should have been.
func TestPollSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		began := time.Now()
		f.play("poll", func(l *line) { l.answer("e-0.p1", opened("e-0", false)) }, func(l *line) { l.wait() }, func(l *line) {
			if d := time.Since(began); d < 40*time.Second || d > 41*time.Second {
				t.Errorf("given up after %v", d)
			}
			l.answer("e-1.p1", message(1))
		}, func(l *line) { l.wait() })
		numbers(t, f.dial(f.options(Poll)), 1)
	})
}

// The next poll acknowledges what the one before brought, so it waits until the
// application has taken that in, if somebody waits to hear of it.
func TestPollAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		polled := false
		f.play("poll", func(l *line) {
			l.answer("e-2.p1", opened("e-0", false), message(1), `{"ack":true,`+message(2)[1:])
		}, func(l *line) {
			polled = true
			l.answer("e-3.p1", message(3))
		}, func(l *line) { l.wait() })
		c := f.dial(f.options(Poll))
		numbers(t, c, 2)
		synctest.Wait()
		if polled {
			t.Error("acknowledged before the application had taken it in")
		}
		if got := numbers(t, c, 1); got != "3" {
			t.Error(got)
		}
	})
}

// A poll that brings the end of the session is the last, until it is time to come
// back.
func TestPollEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		var left time.Time
		f.play("poll", func(l *line) {
			left = time.Now()
			l.answer("e-2.p1", opened("e-0", false), message(1), `{"type":"sys:drain","data":{"retry":4000}}`)
		}, func(l *line) {
			if d := time.Since(left); d != 4*time.Second {
				t.Errorf("came back after %v", d)
			}
			l.wantSince("e-1")
			l.answer("e-2.p2", opened("e-1", true), message(2), `{"type":"sys:error","data":{"code":"closed","message":"Kicked."}}`)
		})
		c := f.dial(f.options(Poll))
		if got := numbers(t, c, 2); got != "1 2" {
			t.Error(got)
		}
		if _, err := c.Next(t.Context()); err == nil || err.Error() != "client: the server refused (closed): Kicked." {
			t.Error(err)
		}
	})
}
