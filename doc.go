// Package openline carries messages between the sessions of an application's users. It knows no HTTP and no sockets: a session writes to a [Line], which a transport gives it.
//
// For most uses, [New] makes a hub with the hooks of your program, and [Hub.Publish], [Hub.Send] or [Hub.Broadcast] carries a message to a channel, to a user or to everyone.
// The package server does the rest for programs that are content with Openline's own endpoints; a program with a transport of its own calls [Hub.Open] for each
// line, [Session.Receive] for each message that comes from it, and [Session.Closed] at its end.
//
// # Order
//
// The [Broker] puts all messages into one order, in which every session sees those that are for it. A message's ID is a place in that order, a cursor. The opening of a session, a
// subscription and its end have places there too: what is published after the cursor in sys:open or in the reply to subscribe comes, what was published before does not.
// Replies to other requests, and what Session.Send sends, stand outside the order.
//
// # Namespaces
//
// The part of a channel's name before its first colon names its [Namespace] in [Options]: what the broker keeps of a channel, so that a session which comes back with [Opening].Since misses
// nothing and [Hub.History] can be read; whether [Hub.Presence] knows who is there; who may subscribe and publish, by the [Membership] in [Opening].Claims; and what sessions get that are too slow for
// it, or for which it is too fast.
//
// # Concurrency
//
// All methods may be called from any goroutine. Sessions are spread over shards; each serves its own on one goroutine, in the order of the messages. No hook runs on it: a hook
// may publish, subscribe and close, but not call Shutdown, which waits for it. Each hook's doc says where it runs. The one rule is for whoever writes a Line: its methods neither block nor call back.
//
// If a transport calls Receive and Closed from one goroutine, as it should, OnMessage and OnClose of one session do not overlap.
//
// # Cancellation
//
// The context of Publish ends the wait for the fan-out, not the fan-out: a message that has its place in the order reaches everybody.
//
// # Limits
//
// A session has the queue of its line, and nothing else waits for it: if that is full, the session is closed with 4008, and the others do not notice. The data of a message, the
// channels of a session, the keys that a broker remembers and the hand-overs that wait for a shard are bounded by [Options] and [MemoryOptions].
//
// # Requests
//
// A client's envelope has a type and the fields type, ref, channel, to, event, key, once, data, since, limit and id. With the hub's own types (subscribe, unsubscribe,
// publish, send, ping) any other field is refused, with the name that was probably meant; so is a field that is there twice. null is as good as no field, but for type,
// ref and data. Envelopes of the application's own types may have other fields, and go to Options.OnMessage.
package openline
