package openline

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// queueRunner runs functions one after the other when its test says so.
type queueRunner struct {
	mu      sync.Mutex
	waiting []func()
	ended   bool
	running bool // of the goroutine that runs a function
	come    chan struct{}
}

func newRunner() *queueRunner { return &queueRunner{come: make(chan struct{}, 1024)} }

func (r *queueRunner) Do(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	r.waiting = append(r.waiting, f)
	r.come <- struct{}{}
	return true
}

// run runs the next function, when there is one.
func (r *queueRunner) run() {
	<-r.come
	r.mu.Lock()
	f := r.waiting[0]
	r.waiting = r.waiting[1:]
	r.running = true
	r.mu.Unlock()
	f()
	r.mu.Lock()
	r.running = false
	r.mu.Unlock()
}

// serve runs functions until stop is called, which waits for the last.
func (r *queueRunner) serve() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			select {
			case <-quit:
				return
			case <-r.come:
				r.come <- struct{}{}
				r.run()
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// hereLine notes how its messages came.
type hereLine struct {
	*fakeLine
	t      *testing.T
	runner *queueRunner
	mores  []bool // guarded by fakeLine.mu
	other  int    // messages that did not come on the runner; guarded by fakeLine.mu
}

func (l *hereLine) Send(m *Message) error {
	l.mu.Lock()
	l.other++
	l.mu.Unlock()
	return l.fakeLine.Send(m)
}

func (l *hereLine) SendHere(m *Message, more bool) error {
	l.runner.mu.Lock()
	if !l.runner.running {
		l.t.Error("not on the runner")
	}
	l.runner.mu.Unlock()
	l.mu.Lock()
	l.mores = append(l.mores, more)
	l.mu.Unlock()
	return l.fakeLine.Send(m)
}

// Sessions are served by the runner that their lines belong to, and what has come together is announced as such.
func TestRunner(t *testing.T) {
	a, b := newRunner(), newRunner()
	h := New(&Options{Runners: []Runner{a, b}})
	stopA, stopB := a.serve(), b.serve()
	line := func(r *queueRunner) *hereLine {
		l := &hereLine{fakeLine: newLine(), t: t, runner: r}
		if _, err := h.Open(t.Context(), l, Opening{User: "alice", Channels: []string{"c"}, Runner: r}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	ofA, ofB := line(a), line(b)
	_, elsewhere := openSession(t, h, "bob", "c") // of no runner: any serves it
	if r, err := h.Publish(t.Context(), Publication{Channel: "c"}); err != nil || r.Delivered != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	elsewhere.messages(2)
	stopA()
	var publishing sync.WaitGroup
	for range 5 {
		publishing.Go(func() {
			if r, err := h.Publish(t.Context(), Publication{Channel: "c"}); err != nil || r.Delivered != 3 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	ofB.messages(7) // and so all of them wait for a
	a.run()
	for a.pending() {
		a.run()
	}
	publishing.Wait()
	ofA.messages(7)
	if got := fmt.Sprint(ofA.mores[len(ofA.mores)-2:]); got != "[true false]" || ofA.other+ofB.other > 0 {
		t.Errorf("more: %v; %d and %d came from elsewhere", ofA.mores, ofA.other, ofB.other)
	}
	stopB()
	for _, r := range []*queueRunner{a, b} { // what they were given is done without them
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
	}
	if r, err := h.Publish(t.Context(), Publication{Channel: "c"}); err != nil || r.Delivered != 3 || ofA.other != 1 || ofB.other != 1 {
		t.Errorf("%+v, %v, %d, %d", r, err, ofA.other, ofB.other)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = h.Shutdown(ctx)
}

func (r *queueRunner) pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) > 0
}

// A publisher waits while a shard is too far behind, until its context ends or there is room; sessions come and go meanwhile.
func TestShardQueueIsBounded(t *testing.T) {
	r := newRunner()
	h := New(&Options{Runners: []Runner{r}, ShardQueue: 2})
	stop := r.serve()
	s, l := openSession(t, h, "alice", "c")
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	for range 2 {
		publishing.Go(func() { _, _ = h.Publish(t.Context(), Publication{Channel: "c"}) })
	}
	shard := h.shards[0]
	for queued := 0; queued < 2; {
		shard.mu.Lock()
		queued = len(shard.queue)
		shard.mu.Unlock()
	}
	refused := make(chan error)
	go func() {
		got, err := h.Publish(ctx, Publication{Channel: "c"})
		if got.ID != "" {
			t.Error("it was published")
		}
		refused <- err
	}()
	cancel()
	if err := <-refused; err != context.Canceled { //nolint:errorlint // as it is
		t.Error(err)
	}
	third := make(chan Receipt)
	go func() {
		got, _ := h.Publish(t.Context(), Publication{Channel: "c"})
		third <- got
	}()
	s.Close(CloseNormal, "") // needs no room
	stop = r.serve()
	if got := <-third; got.ID == "" || got.Delivered != 0 {
		t.Errorf("%+v", got)
	}
	publishing.Wait()
	if n := len(l.messages(1)); n != 1 {
		t.Errorf("%d messages", n)
	}
	s.Closed(nil)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
}

// What runs on a runner publishes without waiting, and hears of the outcome later.
func TestTryPublish(t *testing.T) {
	r := newRunner()
	h := New(&Options{Runners: []Runner{r}, ShardQueue: 3})
	stop := r.serve()
	_, l := openSession(t, h, "alice", "c")
	stop()
	type outcome struct {
		Receipt
		err error
	}
	outcomes := make(chan outcome, 8)
	then := func(got Receipt, err error) { outcomes <- outcome{got, err} }
	r.Do(func() { // none of this may wait for the runner
		if !h.TryPublish(Publication{Channel: "c", Key: "k"}, then) || !h.TrySend("alice", Publication{}, then) || !h.TryBroadcast(Publication{}, then) {
			t.Error("there was room")
		}
		if h.TryPublish(Publication{Channel: "c"}, then) {
			t.Error("there was no room")
		}
	})
	r.run()
	if len(outcomes) > 0 {
		t.Error("told before the session was served")
	}
	r.run()
	for range 3 {
		if got := <-outcomes; got.err != nil || got.ID == "" || got.Delivered != 1 {
			t.Errorf("%+v", got)
		}
	}
	if n := len(l.messages(4)); n != 4 {
		t.Errorf("%d messages", n)
	}
	for _, p := range []Publication{{Channel: "@x"}, {Channel: "c", Data: []byte("{")}} {
		if !h.TryPublish(p, then) {
			t.Error("what is wrong needs no room")
		}
		if got := <-outcomes; got.err == nil {
			t.Errorf("%+v was published", p)
		}
	}
	if !h.TrySend("no one's", Publication{}, then) || (<-outcomes).err == nil {
		t.Error("the name was taken")
	}
	if !h.TryPublish(Publication{Channel: "c", Key: "k"}, then) {
		t.Error("there was room")
	}
	if got := <-outcomes; got.err != nil || !got.Duplicate || got.Delivered != 1 {
		t.Errorf("%+v", got)
	}
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = h.Shutdown(ctx)
	if !h.TryBroadcast(Publication{}, then) || (<-outcomes).err == nil {
		t.Error("published after the end")
	}
}

// panicLine panics with each message but the first.
type panicLine struct {
	*fakeLine
	sent int
}

func (l *panicLine) Send(m *Message) error {
	if l.sent++; l.sent > 1 {
		panic("a fault in a line")
	}
	return l.fakeLine.Send(m)
}

// A panic in a line, which a runner survives, does not end the shard.
func TestRunnerSurvivesAPanic(t *testing.T) {
	r := newRunner()
	h := New(&Options{Runners: []Runner{r}})
	stop := r.serve()
	if _, err := h.Open(t.Context(), &panicLine{fakeLine: newLine()}, Opening{User: "bad"}); err != nil {
		t.Fatal(err)
	}
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error)
	go func() {
		_, err := h.Send(ctx, "bad", Publication{})
		outcome <- err
	}()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		r.run()
	}()
	cancel() // nobody else says what became of it
	if err := <-outcome; err == nil {
		t.Error("delivered")
	}
	r.run() // nothing is left to do
	stop = r.serve()
	defer stop()
	_, l := openSession(t, h, "good")
	if got, err := h.Send(t.Context(), "good", Publication{}); err != nil || got.Delivered != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	l.messages(2)
}

// Opening on a runner waits for nothing, and is left to Open where that cannot be said of it.
func TestTryOpen(t *testing.T) {
	r := newRunner()
	h := New(&Options{Runners: []Runner{r}})
	l, begun := newLine(), false
	s, ok, err := h.TryOpen(l, Opening{User: "alice", Channels: []string{"c"}, Runner: r}, func() { begun = true })
	if !ok || err != nil || begun || len(l.got) > 0 {
		t.Fatalf("%v %v %v %v", ok, err, begun, l.got)
	}
	r.run()
	if got := l.messages(1); !begun || got[0].Type != "sys:open" || h.SubscriberCount("c") != 1 {
		t.Errorf("%v, %v", begun, got)
	}
	if _, ok, err := h.TryOpen(newLine(), Opening{User: "not a name", Runner: r}, nil); !ok || err == nil {
		t.Errorf("%v %v", ok, err)
	}
	never := func() { t.Error("begun") }
	if _, ok, _ := h.TryOpen(newLine(), Opening{User: "alice", Runner: newRunner()}, never); ok {
		t.Error("opened on another's runner")
	}
	asks := New(&Options{Runners: []Runner{r}, Authorize: func(*Session, string, string) error { return nil }})
	if _, ok, _ := asks.TryOpen(newLine(), Opening{User: "alice", Runner: r}, never); ok {
		t.Error("a hook was asked")
	}
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	s.Closed(nil)
	for _, h := range []*Hub{h, asks} {
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, ok, _ := h.TryOpen(newLine(), Opening{User: "alice", Runner: r}, never); ok {
		t.Error("opened after the end")
	}
}

// Sessions whose connections were opened together begin in one turn, as many as a loop opens in one: their sys:open leaves with what opens the connection.
func TestOpenTogether(t *testing.T) {
	r := newRunner()
	h := New(&Options{Runners: []Runner{r}})
	const together = 256
	begun := 0
	var sessions []*Session
	for range together {
		s, ok, err := h.TryOpen(newLine(), Opening{User: "alice", Runner: r}, func() { begun++ })
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		sessions = append(sessions, s)
	}
	r.run()
	if begun != together {
		t.Errorf("%d of %d sessions began in the first turn", begun, together)
	}
	stop := r.serve()
	defer stop()
	for _, s := range sessions {
		s.Closed(nil)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
