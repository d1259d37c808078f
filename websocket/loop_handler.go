package websocket

// EventHandler is told what happens on a connection of a [Loop]. Its methods are
// called one after the other, in the order of what happened, and hold up all
// connections of the loop while they run: what takes long, or waits, belongs on a
// goroutine. One that panics fails its connection with CloseInternalError.
type EventHandler interface {
	// OnOpen is called first, once.
	OnOpen(c *LoopConn)
	// OnMessage is called with each message. m.Data is valid until it returns.
	OnMessage(c *LoopConn, m Message)
	// OnClose is called last, once: no message can arrive or leave any more.
	OnClose(c *LoopConn, err *CloseError)
}

// DrainHandler is an [EventHandler] that wants to know when it can go on writing.
type DrainHandler interface {
	EventHandler
	// OnDrain is called when everything has been sent that waited when Write,
	// WriteFragment, TrySend or Send returned [ErrQueueFull], or [LoopConn.Room] false.
	OnDrain(c *LoopConn)
}

// PongHandler is an [EventHandler] that wants to know of Pongs.
type PongHandler interface {
	EventHandler
	// OnPong is called with the payload of each Pong that answers a Ping of
	// [LoopConn.Ping], or nothing at all (RFC 6455 §5.5.3). It is valid until OnPong
	// returns.
	OnPong(c *LoopConn, payload []byte)
}
