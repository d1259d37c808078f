package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// connectCmd is openline connect.
type connectCmd struct {
	URL                string        `arg:"" name:"url" help:"ws:// or wss:// address; or a user's name, for a session of that user at --server."`
	Server             string        `default:"${defaultServer}" env:"OPENLINE_SERVER" placeholder:"URL" help:"Where a user's name alone leads. Default: http://127.0.0.1:8080."`
	Trace              bool          `short:"t" help:"Print the handshake and every frame, decoded field by field, compressed ones inflated. Tokens and keys are left out."`
	Token              string        `env:"OPENLINE_TOKEN" placeholder:"JWT" help:"Sent as Authorization: Bearer."`
	Header             []string      `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"A field of the handshake; may be given again."`
	Subprotocol        []string      `placeholder:"NAME" help:"Offered to the server; may be given again."`
	Origin             string        `placeholder:"ORIGIN" help:"Says from which page's origin this would come, as a browser does."`
	InsecureSkipVerify bool          `help:"Do not verify the server's certificate. Whoever sits in between can then read and change everything."`
	Ping               time.Duration `default:"30s" placeholder:"DURATION" help:"Interval of keep-alive pings; negative: none. Default: 30s."`
	MaxMessage         int64         `default:"16777216" placeholder:"BYTES" help:"The largest message that is taken. Default: 16 MiB."`
	Compression        bool          `default:"true" negatable:"" help:"Offer compression (permessage-deflate), as browsers do."`
	Wait               time.Duration `default:"1s" placeholder:"DURATION" help:"How long to stay and print when standard input has ended; negative: until the server closes. Default: 1s."`
	Reconnect          bool          `help:"Connect again, after a growing delay, when the connection ends abnormally."`
}

// Help is what openline connect --help says beyond its flags.
func (connectCmd) Help() string {
	return `Each line of standard input is sent as one text message, as it is: to an Openline server that is an envelope such as
{"type":"send","to":"bob","data":"hi"}. Each message that comes is one line of standard output; binary messages are
printed as hexadecimal digits, and control characters as JSON writes them (\n, \u001b); line ends in JSON become spaces. What
happens to the connection is told on standard error.

The exit code is 0 when the connection ended normally (1000, 1001, or a Close with no code) and every line could be sent, else 1.`
}

// Run connects, and talks until either side has had enough.
func (c *connectCmd) Run(ctx context.Context, s streams) error {
	address, err := c.address()
	if err != nil {
		return err
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	talk := &conversation{cmd: c, out: s.out, err: s.err, address: address, lines: readLines(s.in, s.err)}
	if c.Trace {
		o.Trace = talk.trace()
	}
	if c.Reconnect {
		err = websocket.Reconnect(ctx, address, o, talk.run)
	} else {
		var conn *websocket.Conn
		if conn, err = websocket.Dial(ctx, address, o); err == nil {
			err = talk.run(ctx, conn)
		}
	}
	if err := verdict(err); err != nil {
		return err
	}
	if talk.unsent {
		return &failure{code: exitFailed} // it has been told
	}
	return nil
}

// verdict turns how a conversation ended into an exit code.
func verdict(err error) error {
	var (
		refused *websocket.HandshakeError
		closed  *websocket.CloseError
	)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &closed): // it has been printed
		return &failure{code: exitFailed}
	case errors.As(err, &refused) && len(refused.Body) > 0:
		return failed("%v: %s", err, detail(refused.Body))
	}
	return failed("%v", err)
}

// address returns the URL to dial.
func (c *connectCmd) address() (string, error) {
	if strings.Contains(c.URL, "://") {
		return c.URL, nil
	}
	if strings.Contains(c.URL, "/") {
		return "ws://" + c.URL, nil
	}
	if i := strings.LastIndexByte(c.URL, ':'); i >= 0 && strings.Trim(c.URL[i+1:], "0123456789") == "" {
		return "", usage("%q looks like a host and a port: write ws://%s/ws/USER", c.URL, c.URL)
	}
	if err := openline.CheckUser(c.URL); err != nil {
		return "", usage("%q is neither an address nor a user: %v", c.URL, err)
	}
	base, err := serverURL(c.Server)
	if err != nil {
		return "", err
	}
	return "ws" + strings.TrimPrefix(base, "http") + "/ws/" + url.PathEscape(c.URL), nil
}

// options returns what the flags say of the connection.
func (c *connectCmd) options() (*websocket.DialOptions, error) {
	h := http.Header{}
	for _, field := range c.Header {
		name, value, ok := strings.Cut(field, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, usage("the header field %q is not of the form NAME: VALUE", field)
		}
		h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Origin != "" {
		h.Set("Origin", c.Origin)
	}
	o := &websocket.DialOptions{
		ConnOptions: websocket.ConnOptions{
			ReadLimit:    c.MaxMessage,
			PingInterval: c.Ping,
			Logger:       slog.New(slog.DiscardHandler), // what it would say is printed
		},
		Header:       h,
		Subprotocols: c.Subprotocol,
	}
	if c.Compression {
		// What browsers offer: any server can answer that.
		o.Compression = &websocket.Compression{WindowBits: 15, PeerWindowBits: -1}
		if c.MaxMessage > 0 {
			o.Compression.MaxRatio = -1 // --max-message is what bounds a message
		}
	}
	if c.InsecureSkipVerify {
		o.TLSConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for by that name
	}
	return o, nil
}

// readLines sends the lines of r, without their ends, to the channel it
// returns, and closes that at the end of r.
func readLines(r io.Reader, report io.Writer) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewReader(r)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				lines <- strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			}
			if err != nil {
				if err != io.EOF {
					fmt.Fprintf(report, "standard input: %v\n", err)
				}
				return
			}
		}
	}()
	return lines
}

// conversation is what goes on over one connection, or over several with
// --reconnect.
type conversation struct {
	cmd     *connectCmd
	address string
	lines   <-chan string
	unsent  bool // a line could not be sent: it is not UTF-8

	lastSent chan struct{} // with --trace: a Close frame has been sent and printed

	mu       sync.Mutex // guards the following: what is printed comes from several goroutines
	out, err io.Writer
}

// tell prints a line about the connection.
func (t *conversation) tell(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.err, escape(fmt.Sprintf(format, args...)))
}

// show prints a message.
func (t *conversation) show(m websocket.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.Type == websocket.Binary {
		fmt.Fprintf(t.out, "%x\n", m.Data)
		return
	}
	fmt.Fprintln(t.out, oneLine(string(m.Data)))
}

// run talks over one connection until it has ended. It returns nil after a
// normal end, else a *websocket.CloseError, which has been printed; or the
// error of ctx.
func (t *conversation) run(ctx context.Context, c *websocket.Conn) error {
	with := ""
	if sub := c.Subprotocol(); sub != "" {
		with = " (subprotocol " + sub + ")"
	}
	if c.Compression() != nil {
		with += " (compression)"
	}
	t.tell("connected to %s%s", hideSecrets(t.address), with)

	var reading sync.WaitGroup
	reading.Go(func() {
		// Reading outlasts ctx, so that the closing handshake can be read.
		for m, err := range c.Messages(context.WithoutCancel(ctx)) {
			if err != nil {
				return
			}
			t.show(m)
		}
	})
	t.write(ctx, c)
	reading.Wait()
	<-c.Done()

	closed, ok := errors.AsType[*websocket.CloseError](c.Err())
	if !ok {
		return ctx.Err()
	}
	if closed.Err == nil {
		t.awaitTrace()
	}
	t.tell("%s", describeClose(closed))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case closed.Err == nil && (closed.Code == websocket.CloseNormal || closed.Code == websocket.CloseNoStatus):
		return nil
	case closed.Err == nil && closed.Code == websocket.CloseGoingAway && !t.cmd.Reconnect:
		return nil
	}
	return closed
}

// write sends lines until there are no more, ctx ends or the connection has
// ended, and then closes it.
func (t *conversation) write(ctx context.Context, c *websocket.Conn) {
	lines := t.lines
	var over <-chan time.Time
	for {
		select {
		case line, ok := <-lines:
			if ok {
				if err := c.Write(ctx, websocket.Text, []byte(line)); err != nil && c.Err() == nil && ctx.Err() == nil {
					t.tell("not sent: %v", err)
					t.unsent = true
				}
				continue
			}
			lines = nil
			if t.cmd.Wait >= 0 {
				over = time.After(t.cmd.Wait)
			}
			continue
		case <-c.Done():
			return
		case <-ctx.Done():
		case <-over:
		}
		_ = c.Close(websocket.CloseNormal, "") // how it ended is told by Err
		return
	}
}

// describeClose says who closed, with which code and reason.
func describeClose(e *websocket.CloseError) string {
	who := "closed by this end"
	switch {
	case e.Remote && e.Code == websocket.CloseAbnormal:
		who = "the connection was lost"
	case e.Remote:
		who = "closed by the server"
	}
	text := who + ": " + e.Code.String()
	if e.Reason != "" {
		text += fmt.Sprintf(" %q", e.Reason)
	}
	if e.Err != nil && e.Err.Error() != e.Reason {
		text += ": " + e.Err.Error()
	}
	return text
}
