package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// target is where a line goes; 0 is nowhere.
type target uint8

const (
	toUser target = iota + 1
	toChannel
	toAll
)

// entry is one line of a batch.
type entry struct {
	target
	name, kind, key, once string
	data                  []byte
}

// maxInFlight is how large a line may be that is not waited for. It bounds,
// with maxPending, what a batch keeps in memory.
const maxInFlight = 64 << 10

// publishLine publishes one line and sets its result, at once or when the
// message has been delivered: meanwhile the next line can be read, and what
// goes the same way leaves together.
func (a *API) publishLine(ctx context.Context, line []byte, res *result) {
	e, err := parseEntry(line)
	switch {
	case err != nil:
	case int64(len(e.data)) > a.maxBody:
		err = problem.New(http.StatusRequestEntityTooLarge, openline.CodeTooLarge, "The data is larger than %d bytes, the most that is taken.", a.maxBody)
	default:
		err = context.Cause(ctx)
	}
	if err != nil {
		res.set(openline.Receipt{}, err)
		return
	}
	p := openline.Publication{Type: e.kind, Key: e.key, Once: e.once, Data: e.data}
	try := len(line) <= maxInFlight
	switch e.target {
	case toUser:
		if !try || !a.hub.TrySend(e.name, p, res.set) {
			res.set(a.hub.Send(ctx, e.name, p))
		}
	case toChannel:
		p.Channel = e.name
		if !try || !a.hub.TryPublish(p, res.set) {
			res.set(a.hub.Publish(ctx, p))
		}
	case toAll:
		if !try || !a.hub.TryBroadcast(p, res.set) {
			res.set(a.hub.Broadcast(ctx, p))
		}
	}
}

// parseEntry reads one line of a batch. The entry's data may lie in line.
func parseEntry(line []byte) (entry, error) {
	if e, ok := scanEntry(line); ok {
		return e, nil
	}
	return decodeEntry(line)
}

// decodeEntry is parseEntry for any line, and says what is wrong with it.
func decodeEntry(line []byte) (entry, error) {
	var e struct {
		To      *string         `json:"to"`
		Channel *string         `json:"channel"`
		All     *bool           `json:"all"`
		Type    string          `json:"type"`
		Key     string          `json:"key"`
		Once    string          `json:"once"`
		Data    json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return entry{}, entryError(err, len(line))
	}
	if rest := bytes.TrimLeft(line[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return entry{}, problem.New(http.StatusBadRequest, openline.CodeBadJSON, "There is something behind the JSON object, at byte %d of the line.", len(line)-len(rest))
	}
	if err := checkMembers(line); err != nil {
		return entry{}, err
	}
	targets := 0
	for _, given := range []bool{e.To != nil, e.Channel != nil, e.All != nil} {
		if given {
			targets++
		}
	}
	if targets != 1 || (e.All != nil && !*e.All) {
		return entry{}, problem.New(http.StatusBadRequest, openline.CodeBadRequest, `A line has one target: "to" with a user, "channel" with a channel, or "all" with true.`)
	}
	got := entry{kind: e.Type, key: e.Key, once: e.Once, data: e.Data}
	switch {
	case e.To != nil:
		got.aim(toUser, *e.To)
	case e.Channel != nil:
		got.aim(toChannel, *e.Channel)
	default:
		got.aim(toAll, "")
	}
	return got, nil
}

// members are those of a line.
var members = []string{"to", "channel", "all", "type", "key", "once", "data"}

// checkMembers refuses, in an object that is sound, what encoding/json lets
// through: a name in capitals, and a name given twice.
func checkMembers(object []byte) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return entryError(err, len(object))
	}
	var seen []string
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return entryError(err, len(object))
		}
		name, _ := token.(string)
		switch {
		case !slices.Contains(members, name):
			return entryError(fmt.Errorf("unknown field %q", clip(name)), len(object))
		case slices.Contains(seen, name):
			return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The member %q is given more than once.", name)
		}
		seen = append(seen, name)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return entryError(err, len(object))
		}
	}
	return nil
}

// entryError says what encoding/json found wrong with a line.
func entryError(err error, length int) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		// Offset counts the bytes read, the wrong one among them.
		return problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The line is not JSON at byte %d: %v.", max(syntax.Offset-1, 0), syntax)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The line is not JSON: it ends at byte %d, before the JSON does.", length)
	case errors.As(err, &kind) && kind.Field == "":
		return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The line is a JSON %s; it must be an object.", kind.Value)
	case errors.As(err, &kind):
		return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The member %q, before byte %d of the line, is a JSON %s; it must be a %s.", kind.Field, kind.Offset, kind.Value, kind.Type)
	}
	what := strings.TrimPrefix(err.Error(), "json: ")
	if what == `unknown field "wait"` || what == `unknown field "timeout"` {
		return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "A batch waits for no acknowledgement; publish this message in a call of its own, with ?wait=delivered.")
	}
	return problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The line is not understood: %s; there is %s.", what, strings.Join(members, ", "))
}
