package conformance_test

import (
	"log/slog"
	"os"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

// run stands for conformance.Server or conformance.Client.
func run() []*conformance.Report {
	group := &conformance.Group{ID: "WS-5.1", Section: "RFC 6455 §5.1", Title: "Masking"}
	item := &conformance.Item{
		Group: group, ID: "WS-5.1-01", Section: group.Section, Server: true, Level: conformance.Must,
		Rule: "A server fails the connection at a frame that is not masked.",
	}
	c := &conformance.Case{
		Item: item, ID: "WS-5.1-01/1", Name: "text", Server: true, Level: conformance.Must, File: "ws-5.1.txt", Line: 7,
		Steps: []conformance.Step{{Line: 8, Text: `> text bare "Hi"`}, {Line: 9, Text: "< fail 1002"}},
	}
	return []*conformance.Report{{
		Target: "ws://127.0.0.1:9001/echo", Actor: conformance.ServerActor, Strict: true,
		Started: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC), Took: 20 * time.Millisecond,
		Results: []conformance.Result{{
			Case: c, Actor: conformance.ServerActor, Verdict: conformance.Failed, Line: 9, Took: time.Millisecond,
			Reason: `the message came back`,
			Exchange: []conformance.Event{
				{At: 400 * time.Microsecond, Sent: true, Kind: conformance.Octets, Octets: []byte("\x81\x02Hi"), Total: 4, What: `text "Hi"`},
				{At: 900 * time.Microsecond, Kind: conformance.Octets, Octets: []byte("\x81\x02Hi"), Total: 4, What: `text "Hi"`},
			},
		}},
	}}
}

func ExampleWriteText() {
	if err := conformance.WriteText(os.Stdout, run(), true); err != nil {
		slog.Error("no report", "error", err)
	}
	// Output:
	// server ws://127.0.0.1:9001/echo
	// strict mode, 1 case in 20 ms, 2026-01-02 15:04:05 UTC
	//
	//   group   section               passed  failed  skipped  remarks
	//   WS-5.1  RFC 6455 section 5.1       -       1        -        -  Masking
	//   total                              -       1        -        -
	//
	// Failed (1)
	//
	//   WS-5.1-01/1  text
	//     MUST, RFC 6455 section 5.1: A server fails the connection at a frame that is not masked.
	//     at ws-5.1.txt:9:  < fail 1002
	//       the message came back
	//     on the wire, in ms (> by the suite, < by the server):
	//          0.400 > text "Hi"
	//                  0000  81 02 48 69                                       ..Hi
	//          0.900 < text "Hi"
	//                  0000  81 02 48 69                                       ..Hi
	//
	//   FAILED  server  0 passed, 1 failed, 0 skipped
}

func ExampleWriteHTML() {
	f, err := os.CreateTemp("", "report-*.html")
	if err != nil {
		slog.Error("no file", "error", err)
		return
	}
	defer os.Remove(f.Name())
	if err := conformance.WriteHTML(f, run()); err != nil {
		slog.Error("no report", "error", err)
	}
	if err := f.Close(); err != nil {
		slog.Error("no report", "error", err)
	}
	// Output:
}

func ExampleWriteJSON() {
	if err := conformance.WriteJSON(os.Stdout, run()[:0]); err != nil {
		slog.Error("no report", "error", err)
	}
	// Output:
	// {"version":1,"reports":[
	// ]}
}

func ExampleWriteJUnit() {
	if err := conformance.WriteJUnit(os.Stdout, run()[:0]); err != nil {
		slog.Error("no report", "error", err)
	}
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <testsuites name="openline conform" tests="0" failures="0" errors="0" time="0.000"></testsuites>
}
