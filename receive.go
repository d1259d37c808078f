package openline

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Receive takes one message from the client: an envelope, which the hub answers through the line with sys:ok or sys:error, or which OnMessage gets.
// Nothing that it says ends the session, unless a hook's *[Error] does. data is the caller's again when Receive has returned; it returns when the request is done.
// ctx is for the hooks and for waiting until a publication has been fanned out; after its end the client is told that the outcome is not known.
func (s *Session) Receive(ctx context.Context, data []byte) {
	if s.ended() {
		return
	}
	if s.raw != nil {
		s.ReceiveRaw(ctx, data, false)
		return
	}
	s.receive(ctx, data, nil)
}

// receive carries out one request, whose answers reply gets; nil: the line.
func (s *Session) receive(ctx context.Context, data []byte, reply func(*Message)) {
	r := Request{session: s, asker: reply}
	e := parseRequest(&r, data)
	if e == nil {
		e = s.do(ctx, &r)
	}
	if e != nil {
		s.hub.report(s, e)
		r.refuse(e)
	}
}

// do carries out a well-formed request and replies, or returns why not.
func (s *Session) do(ctx context.Context, r *Request) *Error {
	if r.unknown != nil && slices.Contains(requestTypes, r.Type) {
		return r.unknown
	}
	switch r.Type {
	case "ping":
		r.ok(nil)
		return nil
	case "subscribe", "unsubscribe":
		if s.visiting {
			return noSession(r.Type)
		}
		if err := s.shard.wait(ctx); err != nil {
			return refuse(CodeTryLater, "the server is busy and did not come to this: repeat it")
		}
		return s.doSubscribe(r)
	case "publish":
		return s.doPublish(ctx, r)
	case "send":
		return s.doSend(ctx, r)
	case "history":
		return s.doHistory(r)
	case "presence":
		return s.doPresence(r)
	case "ack":
		return s.doAck(r)
	}
	switch {
	case strings.HasPrefix(r.Type, "sys:"):
		return refuse(CodeReserved, "types that begin with sys: are the server's own: a client sends %s", strings.Join(requestTypes, ", "))
	case s.hub.o.OnMessage == nil:
		return refuse(CodeUnknownType, "there is no request of type %q%s", clip(r.Type, maxName), nearest(r.Type, requestTypes))
	}
	return s.doCustom(ctx, r)
}

func (s *Session) doSubscribe(r *Request) *Error {
	if r.Channel == "" {
		return missing("channel", "the channel to "+r.Type)
	}
	var e *Error
	if r.Type == "unsubscribe" {
		e = s.unsubscribe(r.Channel, r)
	} else if e = s.maySubscribe(r.Channel); e == nil {
		e = s.subscribe(r.Channel, r.since, r)
	}
	if r.later != nil {
		r.asker(r.later)
	}
	return e
}

// maySubscribe reports why the client may not subscribe to the channel, or see what is in it.
func (s *Session) maySubscribe(channel string) *Error {
	if e := checkChannel(channel); e != nil {
		return e
	}
	if !s.hub.namespaces.of(channel).Subscribe.allows(s, channel) {
		return refuse(CodeForbidden, "you may not subscribe to %s", channel)
	}
	return s.authorize(ActionSubscribe, channel)
}

func (s *Session) doPublish(ctx context.Context, r *Request) *Error {
	if r.Channel == "" {
		return missing("channel", "the channel to publish to")
	}
	if e := checkChannel(r.Channel); e != nil {
		return e
	}
	return s.doPut(ctx, r, ActionPublish, r.Channel, r.Channel)
}

func (s *Session) doSend(ctx context.Context, r *Request) *Error {
	if r.To == "" {
		return missing("to", "the user to send to")
	}
	if e := checkAlphabet("user", r.To, false); e != nil {
		return e
	}
	return s.doPut(ctx, r, ActionSend, r.To, inbox(r.To))
}

// mayPublish reports why the client may not do this.
func (s *Session) mayPublish(action, target string) *Error {
	if action == ActionPublish && !s.hub.namespaces.of(target).Publish.allows(s, target) {
		return refuse(CodeForbidden, "you may not publish to %s", target)
	}
	return s.authorize(action, target)
}

// doPut publishes the request's data to the channel.
func (s *Session) doPut(ctx context.Context, r *Request, action, target, channel string) *Error {
	p := Publication{Channel: channel, Type: r.Event, From: s.user, Data: r.Data, Key: r.Key, Once: r.Once}
	if e := s.hub.complete(&p, true); e != nil {
		return e
	}
	if e := s.mayPublish(action, target); e != nil {
		return e
	}
	receipt, e := s.put(ctx, &p)
	if e != nil {
		return e
	}
	r.ok(receiptData(receipt))
	return nil
}

// doHistory answers with a page of a channel's history.
func (s *Session) doHistory(r *Request) *Error {
	if r.Channel == "" {
		return missing("channel", "the channel whose history is asked for")
	}
	if e := s.maySubscribe(r.Channel); e != nil {
		return e
	}
	page, err := s.hub.History(r.Channel, r.since, r.limit)
	if err != nil {
		return asError(err)
	}
	r.ok(page.JSON())
	return nil
}

// asError returns err as an *Error.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: "the server could not do this", Err: err}
}

// put publishes what complete has checked.
func (s *Session) put(ctx context.Context, p *Publication) (Receipt, *Error) {
	var receipt Receipt
	err := s.hub.wait(ctx)
	if err == nil {
		receipt, err = s.hub.broker.Publish(ctx, p)
	}
	if err == nil {
		return receipt, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return receipt, e
	}
	if receipt.ID != "" {
		return receipt, &Error{Code: CodeInternal, Message: "published as " + receipt.ID + ", and who received it is not known", Err: err}
	}
	return receipt, &Error{Code: CodeInternal, Message: "whether this was published is not known: repeat it with the same key", Err: err}
}

func receiptData(r Receipt) []byte {
	b := append(make([]byte, 0, 64), `{"id":`...)
	b = appendString(b, r.ID)
	b = append(b, `,"delivered":`...)
	b = strconv.AppendInt(b, int64(r.Delivered), 10)
	b = append(b, `,"stored":`...)
	b = strconv.AppendBool(b, r.Stored)
	return append(b, '}')
}

// doCustom gives an application's own request to OnMessage.
func (s *Session) doCustom(ctx context.Context, r *Request) *Error {
	err := s.hub.guard(s, "OnMessage", func() error { return s.hub.o.OnMessage(ctx, s, r) })
	if err == nil {
		if !r.replied && len(r.Ref) > 0 {
			r.ok(nil)
		}
		return nil
	}
	return asError(err)
}

func missing(field, what string) *Error {
	return refuse(CodeBadRequest, "the field %q is missing: %s", field, what)
}
