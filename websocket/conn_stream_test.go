package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// idle does nothing until the connection ends: the test uses it itself.
func idle(ctx context.Context, _ *endpoint) { <-ctx.Done() }

// TestReaderOfASkippedMessage: once another read has begun, a reader gives
// neither octets nor an end that would pass for the message's.
func TestReaderOfASkippedMessage(t *testing.T) {
	e := newBench(t, idle, websocket.ConnOptions{}).open(false)
	ctx := t.Context()
	for _, fragmented := range []bool{false, true} {
		if fragmented {
			e.SendFrame(false, 1, []byte("first"))
			e.SendFrame(true, 0, []byte(" message"))
		} else {
			e.SendMessage(websocket.Text, []byte("first message"))
		}
		e.SendMessage(websocket.Text, []byte("second"))
		_, r, err := e.conn.NextReader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		if _, msg, err := e.conn.Read(ctx); err != nil || string(msg) != "second" {
			t.Fatalf("%q, %v", msg, err)
		}
		if n, err := r.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
			t.Fatalf("the reader of a skipped message gives %d octets and %v", n, err)
		}
	}
	_ = e.conn.CloseNow()
}

// TestSkipInSeveralAttempts: a read that is cut short while it skips leaves
// nothing to the old reader, and the next read goes on.
func TestSkipInSeveralAttempts(t *testing.T) {
	e := newBench(t, idle, websocket.ConnOptions{}).open(false)
	e.SendFrame(false, 1, []byte("first"))
	_, r, err := e.conn.NextReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := cutOff(t)
	defer cancel()
	if _, _, err := e.conn.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
		t.Fatalf("the reader of a message that is being skipped gives %d octets and %v", n, err)
	}
	e.SendFrame(true, 0, []byte("rest"))
	e.SendMessage(websocket.Text, []byte("second"))
	if _, msg, err := e.conn.Read(t.Context()); err != nil || string(msg) != "second" {
		t.Fatalf("%q, %v", msg, err)
	}
	_ = e.conn.CloseNow()
}

// TestReaderAfterTheEnd: what was received of a message can be read though the
// connection has ended.
func TestReaderAfterTheEnd(t *testing.T) {
	e := newBench(t, idle, websocket.ConnOptions{}).open(false)
	e.SendMessage(websocket.Text, []byte("hello"))
	_, r, err := e.conn.NextReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = e.conn.CloseNow()
	_ = e.conn.Close(websocket.CloseNormal, "")
	if msg, err := io.ReadAll(r); err != nil || string(msg) != "hello" {
		t.Fatalf("%q, %v", msg, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatal(n, err)
	}
}

// TestReaderOfAMessageThatBreaks gives what was good and then the failure.
func TestReaderOfAMessageThatBreaks(t *testing.T) {
	e := newBench(t, idle, websocket.ConnOptions{}).open(false)
	e.SendFrame(false, 1, []byte("good"))
	e.SendFrame(true, 0, []byte("ba\xFF"))
	_, r, err := e.conn.NextReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	msg, err := io.ReadAll(r)
	if string(msg) != "good" || websocket.CloseCodeOf(err) != websocket.CloseInvalidPayload {
		t.Fatalf("%q, %v", msg, err)
	}
}

// TestWriterRefusesBadText: a Write that spoils the text adds nothing, and the
// message can go on.
func TestWriterRefusesBadText(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		w, err := e.conn.NextWriter(t.Context(), websocket.Text)
		if err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("x", 5000)
		for _, s := range []struct {
			text string
			ok   bool
		}{{"a\xE6", true}, {"b", false}, {"\xB0", true}, {"\xB4", true}, {"\xFF", false}, {long + "\xE6", true}, {long, false}, {"\xB0\xB4", true}} {
			n, err := io.WriteString(w, s.text)
			if s.ok && (err != nil || n != len(s.text)) || !s.ok && (err == nil || n != 0) {
				t.Fatalf("%.10q: %d, %v", s.text, n, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		e.ExpectText("a水" + long + "水")
		if _, err := w.Write(nil); err == nil {
			t.Error("Write after Close succeeds")
		}
		if err := w.Close(); err == nil {
			t.Error("a second Close succeeds")
		}
		e.bye(t, client)
	}
}

// TestWriterEndsInsideACharacter: when nothing has been sent, nothing is; else
// the connection fails.
func TestWriterEndsInsideACharacter(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		w, err := e.conn.NextWriter(t.Context(), websocket.Text)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "a\xE6")
		if err := w.Close(); err == nil || e.conn.Err() != nil {
			t.Fatalf("Close: %v, the connection: %v", err, e.conn.Err())
		}
		if err := e.conn.Write(t.Context(), websocket.Text, []byte("next")); err != nil {
			t.Fatal(err)
		}
		e.ExpectText("next")

		if w, err = e.conn.NextWriter(t.Context(), websocket.Text); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 5000)+"\xE6")
		if err := w.Close(); websocket.CloseCodeOf(err) != websocket.CloseInternalError {
			t.Fatal(err)
		}
		e.Frame()
		e.ExpectClose(websocket.CloseInternalError)
		e.ExpectEnd()
	}
}

// TestWriterUnderEndedContext: a message of which nothing was sent can be given
// up; one that has begun cannot.
func TestWriterUnderEndedContext(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		for _, begun := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			w, err := e.conn.NextWriter(ctx, websocket.Binary)
			if err != nil {
				t.Fatal(err)
			}
			if begun {
				if _, err := w.Write(make([]byte, 5000)); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = w.Write([]byte("kept"))
			cancel()
			if _, err := w.Write(make([]byte, 5000)); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			err = w.Close()
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if !begun {
				if err := e.conn.Write(t.Context(), websocket.Text, []byte("next")); err != nil {
					t.Fatal(err)
				}
				e.ExpectText("next")
				continue
			}
			if websocket.CloseCodeOf(err) != websocket.CloseInternalError {
				t.Fatal(err)
			}
			e.Frame()
			e.ExpectClose(websocket.CloseInternalError)
			e.ExpectEnd()
		}
	}
}

// TestStreamedRoundTrip streams messages both ways at once.
func TestStreamedRoundTrip(t *testing.T) {
	c := dialEcho(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{ReadLimit: -1}}, nil)
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * 31)
	}
	sent := make(chan error, 1)
	go func() {
		w, err := c.NextWriter(t.Context(), websocket.Binary)
		if err == nil {
			if _, err = io.Copy(w, bytes.NewReader(data)); err == nil {
				err = w.Close()
			}
		}
		sent <- err
	}()
	typ, r, err := c.NextReader(t.Context())
	if err != nil || typ != websocket.Binary {
		t.Fatal(typ, err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d octets, %v", len(got), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if err := c.Close(websocket.CloseNormal, ""); err != nil {
		t.Fatal(err)
	}
}
