package conformance

import (
	"fmt"
	"strings"
	"time"
)

// What follows makes reports as a run would, without one.

var fixtureStart = time.Date(2025, 11, 22, 12, 33, 0, 0, time.UTC)

// fixtureGroup makes a group whose items bind both ends.
func fixtureGroup(id, section, title string, items ...*Item) {
	g := &Group{ID: id, Section: section, Title: title, Items: items}
	for i, item := range items {
		item.Group = g
		item.ID = fmt.Sprintf("%s-%02d", id, i+1)
		item.Server, item.Client = true, true
		if item.Section == "" {
			item.Section = section
		}
		if item.Level == 0 {
			item.Level = Must
		}
	}
}

// fixtureCase adds a case that begins at a line; its steps and their edits follow
// it line by line.
func fixtureCase(item *Item, line int, name string, steps ...string) *Case {
	c := &Case{
		Item: item, ID: fmt.Sprintf("%s/%d", item.ID, len(item.Cases)+1), Name: name, Server: true, Client: true,
		Level: item.Level, File: strings.ToLower(item.Group.ID) + ".txt", Line: line,
	}
	for i, text := range steps {
		if edit, ok := strings.CutPrefix(text, "| "); ok {
			last := &c.Steps[len(c.Steps)-1]
			last.Edits = append(last.Edits, edit)
			continue
		}
		c.Steps = append(c.Steps, Step{Line: line + 1 + i, Text: text})
	}
	item.Cases = append(item.Cases, c)
	return c
}

// fixtureReports is a server in strict mode with what can happen to a case, and
// a client in interop mode.
func fixtureReports() []*Report {
	fragments := &Item{Rule: "A Close between fragments starts the closing handshake and the open message is dropped."}
	interleaved := &Item{Rule: "Control frames may stand between the fragments of a message.", Level: Should}
	buffers := &Item{Rule: "Buffers of the caller are left as they were.", Level: Hardening, Outside: "Nobody else sees the memory of a process."}
	fixtureGroup("WS-5.4", "RFC 6455 §5.4", "Fragmentation", fragments, interleaved, buffers)
	upgrade := &Item{Rule: "A request without “websocket” in its Upgrade field is refused."}
	fixtureGroup("WS-4.2", "RFC 6455 §4.2", "Server: reading the request and answering", upgrade)
	windows := &Item{Rule: "No message looks back further than the window that was agreed on.", Section: "RFC 7692 §7.1.2"}
	fixtureGroup("PD-7.2", "RFC 7692 §7.2", "DEFLATE payloads", windows)

	closing := fixtureCase(fragments, 7, "a Close between two fragments", `> text... "Hel"`, "> close 1000", `> cont "lo"`, "< reply 1000")
	echoed := fixtureCase(fragments, 14, "three fragments", `> text "Hello" split 2`, `< text "Hello"`)
	ping := fixtureCase(interleaved, 20, "a Ping inside", `> text... "a"`, `> ping "p"`, `> cont "b"`, `< pong "p"`, `< text "ab"`)
	ping.Knobs = []Knob{{"limit", "1000"}}
	h2c := fixtureCase(upgrade, 5, "h2c", "> request", "| set Upgrade: h2c", "| drop Sec-WebSocket-Key", "< refused 400")
	window := fixtureCase(windows, 4, "windows of 2⁸ octets", "< distance 256")
	window.Needs = []string{"deflate"}
	window.offer = "permessage-deflate; server_max_window_bits=8"
	window.Timeout = 30 * time.Second

	opened := Event{At: 212 * time.Microsecond, Kind: Opened}
	octets := func(at time.Duration, sent bool, what string, b ...byte) Event {
		return Event{At: at, Sent: sent, Kind: Octets, Octets: b, Total: len(b), What: what}
	}
	long := octets(3*time.Millisecond, false, "text, 4096 octets", append([]byte{0x81, 0x7e, 0x10, 0x00}, strings.Repeat("0123456789abcdef", 6)...)...)
	long.Total = 4100

	server := &Report{
		Target: "ws://127.0.0.1:9001/echo", Actor: ServerActor, Driver: "read", Strict: true, Started: fixtureStart, Took: 1340 * time.Millisecond,
		Results: []Result{
			{
				Case: h2c, Actor: ServerActor, Verdict: Failed, Line: 9, Took: 812 * time.Microsecond,
				Reason: "the response has status 101\nits status has to be 400",
				Exchange: []Event{
					opened,
					octets(430*time.Microsecond, true, "GET /echo HTTP/1.1", []byte("GET /echo HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUpgrade: h2c\r\n\r\n")...),
					octets(790*time.Microsecond, false, "HTTP/1.1 101 Switching Protocols", []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")...),
				},
			},
			{
				Case: closing, Actor: ServerActor, Verdict: Failed, Line: 11, Took: 5002 * time.Millisecond,
				Reason: "a text message came instead: \"Hello\"",
				Exchange: []Event{
					opened,
					octets(600*time.Microsecond, true, `text, no FIN, masked: "Hel"`, 0x01, 0x83, 0x12, 0x34, 0x56, 0x78, 0x5a, 0x51, 0x3a),
					octets(601*time.Microsecond, true, "close 1000, masked", 0x88, 0x82, 0x12, 0x34, 0x56, 0x78, 0x11, 0xdc),
					long,
					{At: 5 * time.Second, Kind: Note, What: "nothing came for 5s"},
					{At: 5001 * time.Millisecond, Conn: 1, Kind: Opened},
					{At: 5001 * time.Millisecond, Conn: 1, Sent: true, Kind: EndOfWrite},
					{At: 5002 * time.Millisecond, Conn: 1, Kind: Reset},
				},
			},
			{Case: echoed, Actor: ServerActor, Verdict: Passed, Took: 1 * time.Millisecond, Exchange: []Event{opened, octets(1*time.Millisecond, false, `text: "Hello"`, 0x81, 0x05, 'H', 'e', 'l', 'l', 'o')}},
			{Case: ping, Actor: ServerActor, Verdict: Skipped, Reason: "the server does not offer limit"},
			{Case: window, Actor: ServerActor, Verdict: Skipped, Reason: "the server does not offer deflate"},
		},
	}
	client := &Report{
		Target: "node client.js {}", Actor: ClientActor, Started: fixtureStart.Add(time.Minute), Took: 80 * time.Millisecond,
		Results: []Result{
			{Case: closing, Actor: ClientActor, Verdict: Passed, Took: 2 * time.Millisecond, Remark: "TCP ended without a Close frame", Exchange: []Event{{At: time.Millisecond, Kind: EndOfWrite}}},
			{Case: echoed, Actor: ClientActor, Verdict: Passed, Took: 41 * time.Millisecond},
			{Case: window, Actor: ClientActor, Verdict: Passed, Took: 3 * time.Millisecond},
		},
	}
	return []*Report{server, client}
}

// hostileText is what a peer could send to harm whoever reads a report.
const hostileText = "<script>alert(1)</script>]]> \x00\x1b[2J\u009b31m\xff\xfe \u202egnp.exe\u2066\u200b \"'&amp;\ufffe\u2028 --></pre>"

// hostileReports has n results, every part of which that a peer can write to is
// hostileText.
func hostileReports(n int) []*Report {
	item := &Item{Rule: "Nothing from the wire is believed."}
	fixtureGroup("WS-10.7", "RFC 6455 §10.7", "Security", item)
	r := &Report{Target: "ws://h/" + hostileText, Actor: ServerActor, Driver: hostileText, Strict: true, Started: fixtureStart, Took: time.Minute}
	for i := range n {
		c := fixtureCase(item, 2, hostileText, "> raw "+hostileText, "< "+hostileText)
		c.Knobs = []Knob{{"reason", hostileText}}
		result := Result{
			Case: c, Actor: ServerActor, Verdict: Verdict(i%3 + 1), Line: 4, Reason: hostileText, Took: time.Millisecond,
			Exchange: []Event{
				{Kind: Octets, Sent: true, Octets: []byte(hostileText), Total: len(hostileText), What: hostileText},
				{Kind: Octets, Octets: []byte(strings.Repeat(hostileText, 8)[:512]), Total: 1 << 30, What: strings.Repeat(hostileText, 1000)},
				{Kind: Reset, What: hostileText},
			},
		}
		if result.Verdict == Passed {
			result.Reason, result.Remark, result.Line = "", hostileText, 0
		}
		r.Results = append(r.Results, result)
	}
	return []*Report{r, r}
}
