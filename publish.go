package openline

import (
	"bytes"
	"context"
)

// Publish puts a message into the one order and hands it to every session that is subscribed to p.Channel. It returns when their queues have taken it, or refused.
// A session whose queue is full is closed; the others do not wait for it.
//
// What is wrong with p is an *[Error]; a name that begins with @ is [CodeReserved]. If ctx ends first, the receipt says by its ID whether the message was published.
func (h *Hub) Publish(ctx context.Context, p Publication) (Receipt, error) {
	if e := checkChannel(p.Channel); e != nil {
		return Receipt{}, e
	}
	return h.publish(ctx, p)
}

// Send publishes p to the inbox of user: to each of her sessions. That she has none is not an error, and Delivered is 0 then.
func (h *Hub) Send(ctx context.Context, user string, p Publication) (Receipt, error) {
	if e := checkAlphabet("user", user, false); e != nil {
		return Receipt{}, e
	}
	p.Channel = inbox(user)
	return h.publish(ctx, p)
}

// Broadcast publishes p to everyone: to every session of every user.
func (h *Hub) Broadcast(ctx context.Context, p Publication) (Receipt, error) {
	p.Channel = everyone
	return h.publish(ctx, p)
}

func (h *Hub) publish(ctx context.Context, p Publication) (Receipt, error) {
	if err := context.Cause(ctx); err != nil {
		return Receipt{}, err
	}
	if e := h.complete(&p, false); e != nil {
		return Receipt{}, e
	}
	if err := h.wait(ctx); err != nil {
		return Receipt{}, err
	}
	r, err := h.broker.Publish(ctx, &p)
	if err != nil {
		return r, err
	}
	return h.acknowledged(ctx, &p, r), nil
}

// TryPublish is Publish for whoever must not wait, such as what runs on a Runner. It reports false, and has done nothing, if it would have to: a shard is too far
// behind, the broker is no Placer, or p has an Await. Else then is called once, at once or later on a shard, where nothing may wait.
func (h *Hub) TryPublish(p Publication, then func(Receipt, error)) bool {
	if e := checkChannel(p.Channel); e != nil {
		then(Receipt{}, e)
		return true
	}
	return h.tryPublish(p, then)
}

// TrySend is Send as TryPublish is Publish.
func (h *Hub) TrySend(user string, p Publication, then func(Receipt, error)) bool {
	if e := checkAlphabet("user", user, false); e != nil {
		then(Receipt{}, e)
		return true
	}
	p.Channel = inbox(user)
	return h.tryPublish(p, then)
}

// TryBroadcast is Broadcast as TryPublish is Publish.
func (h *Hub) TryBroadcast(p Publication, then func(Receipt, error)) bool {
	p.Channel = everyone
	return h.tryPublish(p, then)
}

func (h *Hub) tryPublish(p Publication, then func(Receipt, error)) bool {
	b, ok := h.broker.(Placer)
	if !ok || p.Await > 0 || !h.hasRoom() {
		return false
	}
	if e := h.complete(&p, false); e != nil {
		then(Receipt{}, e)
		return true
	}
	r, d, err := b.Place(&p)
	if err != nil {
		then(Receipt{}, err)
		return true
	}
	d.Then(func(sessions int) {
		r.Delivered = sessions
		then(r, nil)
	})
	return true
}

// complete checks p, all but the alphabet of its channel, fills in what is left out, and makes Data a copy. valid says that Data has been scanned as JSON.
func (h *Hub) complete(p *Publication, valid bool) *Error {
	p.Rules, p.Ack = h.namespaces.of(p.Channel), p.Await > 0
	if p.Type == "" {
		p.Type = DefaultType
		if p.Raw {
			p.Type = rawType
		}
	}
	if e := checkEvent(p.Type); e != nil {
		return e
	}
	if p.From != "" {
		if e := checkAlphabet("user", p.From, false); e != nil {
			return e
		}
	}
	for _, key := range [...]string{p.Key, p.Once} {
		if key == "" {
			continue
		}
		if e := checkKey(key); e != nil {
			return e
		}
	}
	if h.o.MaxData >= 0 && len(p.Data) > h.o.MaxData {
		return refuse(CodeTooLarge, "the data has %d bytes: at most %d are allowed", len(p.Data), h.o.MaxData)
	}
	switch {
	case p.Raw:
		if e := h.checkPayload(p.Data, p.Binary); e != nil {
			return e
		}
	case len(p.Data) == 0:
		p.Data = []byte("null")
		return nil
	case !valid:
		data, e := trimJSON(p.Data)
		if e != nil {
			return e
		}
		p.Data = data
	}
	p.Data = bytes.Clone(p.Data)
	return nil
}
