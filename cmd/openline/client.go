package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	defaultServer = "http://127.0.0.1:8080"
	callTimeout   = 30 * time.Second
	maxAnswer     = 1 << 20
)

// message is what send, publish and broadcast have in common.
type message struct {
	Data    string        `arg:"" optional:"" help:"The message: a JSON value. Default, or with -: what standard input holds."`
	Server  string        `default:"${defaultServer}" env:"OPENLINE_SERVER" placeholder:"URL" help:"The server's address. Default: http://127.0.0.1:8080."`
	APIKey  string        `name:"api-key" env:"OPENLINE_API_KEY" placeholder:"KEY" help:"An API key of the server."`
	Type    string        `placeholder:"NAME" help:"The message's type. Default: message."`
	Key     string        `placeholder:"KEY" help:"Deduplicates: a message with a key seen within 2 minutes is not sent again. In a channel that keeps the latest by key, what the message is the latest of."`
	Wait    bool          `help:"Wait until a session has acknowledged the message; if none does in time, that is a failure."`
	Timeout time.Duration `placeholder:"DURATION" help:"How long to wait, with --wait: a minute at most. Default: 5s."`
	Text    bool          `help:"Take the data as plain text and send it as a JSON string."`
}

// post sends the message to a path of the API and prints the receipt.
func (m *message) post(ctx context.Context, s streams, path string) error {
	base, err := serverURL(m.Server)
	if err != nil {
		return err
	}
	data, err := m.data(s.in)
	if err != nil {
		return err
	}
	if m.APIKey == "" {
		return usage("no API key: set OPENLINE_API_KEY or give --api-key; openline serve prints one")
	}
	query, err := m.query()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout+m.Timeout)
	defer cancel()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+m.APIKey)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return noServer(err, base)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return failed("the answer was cut short: %v", err)
	}
	if res.StatusCode != http.StatusOK {
		return failed("%s: %s", escape(res.Status), detail(answer))
	}
	fmt.Fprintln(s.out, oneLine(string(bytes.TrimSpace(answer))))
	if m.Wait {
		var receipt struct {
			Acknowledged bool `json:"acknowledged"`
		}
		if err := json.Unmarshal(answer, &receipt); err != nil || !receipt.Acknowledged {
			return failed("no session has acknowledged the message in time")
		}
	}
	return nil
}

// query returns what the call has in its query.
func (m *message) query() (url.Values, error) {
	query := url.Values{}
	if m.Type != "" {
		query.Set("type", m.Type)
	}
	if m.Key != "" {
		query.Set("key", m.Key)
	}
	switch {
	case m.Wait:
		query.Set("wait", "delivered")
		if m.Timeout != 0 {
			query.Set("timeout", m.Timeout.String())
		}
	case m.Timeout != 0:
		return nil, usage("--timeout says how long to wait; give --wait beside it")
	}
	return query, nil
}

// noServer says why a server could not be asked.
func noServer(err error, base string) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return failed("nobody listens at %s; is openline serve running there? (--server, OPENLINE_SERVER)", base)
	}
	return failed("%v", err)
}

// detail returns what a problem says, or the answer itself when it is none.
func detail(answer []byte) string {
	var problem struct {
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(answer, &problem); err == nil && problem.Detail != "" {
		return escape(problem.Detail)
	}
	const most = 300
	text := strings.TrimSpace(string(answer))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// data returns the message's JSON.
func (m *message) data(in io.Reader) ([]byte, error) {
	data := []byte(m.Data)
	if m.Data == "" || m.Data == "-" {
		var err error
		if data, err = io.ReadAll(in); err != nil {
			return nil, failed("standard input: %v", err)
		}
		if m.Text {
			data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
		}
	}
	if m.Text {
		if i := invalidUTF8(data); i >= 0 {
			return nil, usage("the text is not UTF-8 at byte %d", i)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // it goes into no page
		if err := e.Encode(string(data)); err != nil {
			return nil, err
		}
		return bytes.TrimSpace(b.Bytes()), nil
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil, usage("there is no data: give it behind the name or on standard input")
	}
	var ignored any
	err := json.Unmarshal(data, &ignored)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, usage(`the data is not JSON at byte %d: %v; a string needs quotes of its own, '"text"', or --text`, max(syntax.Offset-1, 0), syntax)
	}
	return data, nil
}

// invalidUTF8 returns the index of the first byte of b that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// serverURL returns the address of a server without a slash at its end.
func serverURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", usage("the server %q is not an address such as %s", text, defaultServer)
	}
	return strings.TrimRight(text, "/"), nil
}
