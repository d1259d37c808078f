package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// envelope is a message as it travels.
type envelope struct {
	ID, Type, Channel, From string
	Ref                     int64
	Data                    json.RawMessage
}

func parse(b []byte) (e envelope, err error) {
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("a message is no envelope: %w: %.100q", err, b)
	}
	return e, nil
}

// number is the n in {"n":1}, the data of what is counted here.
func (e *envelope) number() (int64, error) {
	var d struct{ N int64 }
	if err := json.Unmarshal(e.Data, &d); err != nil || d.N == 0 {
		return 0, fmt.Errorf("a message has no number: %.100q", e.Data)
	}
	return d.N, nil
}

// counted is that data, with so many octets of other things.
func counted(n int64, filler int) []byte {
	return fmt.Appendf(nil, `{"n":%d,"text":%q}`, n, text(filler))
}

// nextEnvelope reads the next envelope and checks the order of the session.
func (l *line) nextEnvelope(o *order, until time.Time) (e envelope, err error) {
	_, b, err := l.next(until)
	if err != nil {
		return e, err
	}
	if e, err = parse(b); err == nil {
		err = o.see(e.ID)
	}
	return e, err
}

// enter opens a session of envelopes and reads sys:open.
func (t *target) enter(ctx context.Context, rng *rand.Rand, path string, early []byte) (*line, *order, string, error) {
	l, err := t.open(ctx, rng, path, early)
	if err != nil {
		return nil, nil, "", err
	}
	o := &order{}
	e, err := l.nextEnvelope(o, time.Now().Add(patience))
	var data struct{ Session string }
	if err == nil && e.Type != "sys:open" {
		err = fmt.Errorf("the first message is %q", e.Type)
	}
	if err == nil {
		err = json.Unmarshal(e.Data, &data)
	}
	if err != nil {
		l.end()
		return nil, nil, "", fmt.Errorf("after the opening: %w", err)
	}
	return l, o, data.Session, nil
}

// listens subscribes to some channels, in the address or later, and checks that
// everything comes, in order.
func listens(ctx context.Context, t *target, rng *rand.Rand) error {
	picked := rng.Perm(len(t.ledgers))[:1+rng.IntN(len(t.ledgers))]
	var names []string
	for _, i := range picked {
		names = append(names, t.ledgers[i].channel)
	}
	path, late := "/ws/listener?channels="+strings.Join(names, ","), rng.IntN(3) == 0
	var early []byte
	if late {
		path = "/ws/listener"
		for i, name := range names { // right behind the request, before it is answered
			early = appendFrame(early, fin|opText, fmt.Appendf(nil, `{"type":"subscribe","channel":%q,"ref":%d}`, name, i+1), [4]byte{1, 2, 3, 4})
		}
	}
	l, o, _, err := t.enter(ctx, rng, path, early)
	if err != nil {
		return err
	}
	defer l.end()
	views := map[string]*view{}
	if !late {
		for _, i := range picked {
			v := t.ledgers[i].from()
			views[v.l.channel] = &v
		}
	}
	end := time.Now().Add(time.Duration(2+rng.IntN(25)) * time.Second)
	for time.Now().Before(end) || len(views) < len(names) {
		if err := t.hear(l, o, views, picked, end.Add(patience)); err != nil {
			return err
		}
		pause(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
	}
	// What has been confirmed by now has to come.
	until := time.Now().Add(patience)
	for _, v := range views {
		for n := v.l.taken.Load(); !v.complete(n); {
			if err := t.hear(l, o, views, picked, until); err != nil {
				return fmt.Errorf("%s is at %d, %d was confirmed: %w", v.l.channel, v.last, n, err)
			}
		}
	}
	if rng.IntN(2) == 0 {
		return nil // it just goes
	}
	if err := l.write(appendFrame(nil, fin|opClose, closePayload(1000, ""), l.key())); err != nil {
		return err
	}
	_, err = l.expectClose(patience)
	return err
}

// hear takes one message of a listener.
func (t *target) hear(l *line, o *order, views map[string]*view, picked []int, until time.Time) error {
	e, err := l.nextEnvelope(o, until)
	if err != nil {
		return err
	}
	if e.Type == "sys:ok" {
		v := t.ledgers[picked[e.Ref-1]].from()
		if early := views[v.l.channel]; early != nil { // messages came before the reply
			return nil
		}
		views[v.l.channel] = &v
		return nil
	}
	n, err := e.number()
	if err != nil {
		return fmt.Errorf("%s: %w", e.Type, err)
	}
	v := views[e.Channel]
	if v == nil { // before the reply; the reply will find it
		for _, i := range picked {
			if t.ledgers[i].channel == e.Channel {
				views[e.Channel] = &view{l: &t.ledgers[i], base: n, last: n}
				return nil
			}
		}
		return fmt.Errorf("a message of %q, which was not subscribed to", e.Channel)
	}
	return v.see(n)
}

// talks publishes to a channel of its own, and expects its messages and the replies
// in order.
func talks(ctx context.Context, t *target, rng *rand.Rand) error {
	channel := fmt.Sprintf("own:%x", rng.Uint64())
	l, o, _, err := t.enter(ctx, rng, "/ws/talker?channels="+channel, nil)
	if err != nil {
		return err
	}
	defer l.end()
	var own, replies int64
	for n := int64(1); n <= 60; {
		burst := int64(1 + rng.IntN(10))
		for range burst {
			request := fmt.Appendf(nil, `{"type":"publish","channel":%q,"event":"said","ref":%d,"data":%s}`, channel, n, counted(n, rng.IntN(1<<rng.IntN(15))))
			if err := l.send(opText, request); err != nil {
				return err
			}
			n++
		}
		until := time.Now().Add(patience)
		for own < n-1 || replies < n-1 {
			e, err := l.nextEnvelope(o, until)
			if err != nil {
				return fmt.Errorf("%d of %d messages and %d replies are there: %w", own, n-1, replies, err)
			}
			switch e.Type {
			case "sys:ok":
				if replies++; e.Ref != replies {
					return fmt.Errorf("the reply %d came instead of %d", e.Ref, replies)
				}
			case "said":
				if got, err := e.number(); err != nil {
					return err
				} else if got != own+1 || e.From != "talker" {
					return fmt.Errorf("the message %d from %q came behind %d", got, e.From, own)
				}
				own++
			default:
				return fmt.Errorf("a message of type %q: %.200s", e.Type, e.Data)
			}
		}
		pause(ctx, time.Duration(rng.IntN(300))*time.Millisecond)
	}
	return nil
}

// speaksRaw sends anything to a raw channel of its own, and expects it back.
func speaksRaw(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.open(ctx, rng, fmt.Sprintf("/ws/raw?raw=raw:%x", rng.Uint64()), nil)
	if err != nil {
		return err
	}
	defer l.end()
	return l.mirror(ctx, maxMessage/2)
}

// echoes sends anything to an echo, and expects it back.
func echoes(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.open(ctx, rng, "/", nil)
	if err != nil {
		return err
	}
	defer l.end()
	return l.mirror(ctx, maxMessage)
}

// mirror sends messages and expects them back, in order.
func (l *line) mirror(ctx context.Context, most int) error {
	rounds := 5 + l.rng.IntN(20)
	for n := range rounds {
		var sent []string
		for range 1 + l.rng.IntN(8) {
			m := strconv.Itoa(n) + text(l.rng.IntN(min(most-10, 1<<(1+l.rng.IntN(16)))))
			sent = append(sent, m)
			if err := l.send(byte(opText+len(m)&1), []byte(m)); err != nil {
				return err
			}
		}
		until := time.Now().Add(patience)
		for i, want := range sent {
			opcode, got, err := l.next(until)
			if err != nil {
				return fmt.Errorf("round %d: %d of %d messages came back: %w", n, i, len(sent), err)
			}
			if string(got) != want || opcode != byte(opText+len(want)&1) {
				return fmt.Errorf("round %d: %d octets of %.40q came back instead of %d of %.40q", n, len(got), got, len(want), want)
			}
		}
		pause(ctx, time.Duration(l.rng.IntN(800))*time.Millisecond)
	}
	return nil
}
