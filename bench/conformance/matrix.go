package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

// The matrix stands between these lines.
const (
	opening = "<!-- matrix -->"
	closing = "<!-- /matrix -->"
)

// matrix renders the results as Markdown.
func matrix(columns []*column, hosts []string, now time.Time) string {
	var b strings.Builder
	hosts = append([]string{"Go " + strings.TrimPrefix(runtime.Version(), "go")}, hosts...)
	fmt.Fprintf(&b, "Played on %s, on %s/%s with %s.\n", now.UTC().Format("2 January 2006"), runtime.GOOS, runtime.GOARCH, strings.Join(hosts, ", "))
	for _, actor := range []conformance.Actor{conformance.ServerActor, conformance.ClientActor} {
		own := slices.DeleteFunc(slices.Clone(columns), func(c *column) bool { return c.peer.actor != actor })
		if len(own) == 0 {
			continue
		}
		heading := map[conformance.Actor]string{conformance.ServerActor: "Servers", conformance.ClientActor: "Clients"}[actor]
		table(&b, heading+": what is a MUST, in interop mode", own, func(c *column) *conformance.Report { return c.interop })
		table(&b, heading+": SHOULD and hardening, in strict mode", own, func(c *column) *conformance.Report { return c.strict })
		fmt.Fprintf(&b, "\n### %s: how they were set up\n\n| | features | settings |\n| --- | --- | --- |\n", heading)
		for _, c := range own {
			fmt.Fprintf(&b, "| %s %s | %s | %s |\n", c.peer.name, c.version, strings.Join(c.peer.features, ", "), c.peer.settings)
		}
		fmt.Fprintf(&b, "\n### %s: the failed MUST cases\n", heading)
		for _, c := range own {
			if c.interop != nil {
				failures(&b, c)
			}
		}
	}
	return b.String()
}

// table has a row for each group and a column for each peer that has a report.
func table(b *strings.Builder, heading string, columns []*column, report func(*column) *conformance.Report) {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c *column) bool { return report(c) == nil })
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n", heading)
	var groups []*conformance.Group
	cells := make([]map[*conformance.Group]conformance.Counts, len(columns))
	b.WriteString("| |")
	for i, c := range columns {
		cells[i] = map[*conformance.Group]conformance.Counts{}
		for _, g := range report(c).GroupCounts() {
			cells[i][g.Group] = g.Counts
			if !slices.Contains(groups, g.Group) {
				groups = append(groups, g.Group)
			}
		}
		fmt.Fprintf(b, " %s<br>%s |", c.peer.name, c.version)
	}
	if all, err := conformance.Cases(); err == nil {
		slices.SortFunc(groups, func(x, y *conformance.Group) int { return slices.Index(all, x) - slices.Index(all, y) })
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(columns)) + "\n")
	for _, g := range groups {
		fmt.Fprintf(b, "| %s %s |", g.ID, g.Title)
		for i := range columns {
			fmt.Fprintf(b, " %s |", cell(cells[i][g]))
		}
		b.WriteString("\n")
	}
	b.WriteString("| all |")
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", cell(report(c).Counts()))
	}
	b.WriteString("\n")
}

// cell is passed / failed / skipped.
func cell(n conformance.Counts) string {
	if n.Passed+n.Failed+n.Skipped == 0 {
		return "–"
	}
	failed := fmt.Sprint(n.Failed)
	if n.Failed > 0 {
		failed = "**" + failed + "**"
	}
	return fmt.Sprintf("%d / %s / %d", n.Passed, failed, n.Skipped)
}

// finding is the failed cases of one item that were seen to fail alike.
type finding struct {
	item  *conformance.Item
	seen  string
	cases []*conformance.Case
}

// failures lists what a peer's MUST cases failed with.
func failures(b *strings.Builder, c *column) {
	list := findings(c.interop)
	if len(list) == 0 {
		fmt.Fprintf(b, "\n**%s %s**: none.\n", c.peer.name, c.version)
		return
	}
	fmt.Fprintf(b, "\n**%s %s**\n\n", c.peer.name, c.version)
	for _, f := range list {
		ids := make([]string, len(f.cases))
		for i, k := range f.cases {
			ids[i] = strings.TrimPrefix(k.ID, f.item.ID+"/")
		}
		fmt.Fprintf(b, "- %s, %s/%s: %s", section(f.item), f.item.ID, strings.Join(ranges(ids), ", "), escape(f.item.Rule))
		if f.seen != "" {
			fmt.Fprintf(b, " Seen: %s", escape(brief(f.seen)))
		}
		b.WriteString("\n")
	}
}

// told is what may be said of a failed case. Of one about limits, and of one
// that cost the process its life, it is the verdict alone: how to use that
// against a server is nothing for a table.
func told(r *conformance.Result) string {
	if r.Reason == cutOff || strings.HasPrefix(r.Case.Item.ID, "WS-10.4") || strings.HasPrefix(r.Case.Item.ID, "PD-8") {
		return ""
	}
	return r.Reason
}

// brief shortens what is too long for a list, and leaves out the header of the
// frame, which has a random key in it.
func brief(s string) string {
	const most = 240
	s, _, _ = strings.Cut(s, "; the frame's header is ")
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}

func section(i *conformance.Item) string {
	if i.Section != "" {
		return i.Section
	}
	return i.Group.Section
}

func findings(r *conformance.Report) []*finding {
	var list []*finding
	for i := range r.Results {
		res := &r.Results[i]
		if res.Verdict != conformance.Failed {
			continue
		}
		seen := told(res)
		at := slices.IndexFunc(list, func(f *finding) bool { return f.item == res.Case.Item && alike(f.seen) == alike(seen) })
		if at < 0 {
			at = len(list)
			list = append(list, &finding{item: res.Case.Item, seen: seen})
		}
		list[at].cases = append(list[at].cases, res.Case)
	}
	return list
}

// particular is what in a reason differs from case to case: what was sent and
// came, numbers, the header of the frame, and what was expected.
var particular = regexp.MustCompile(`^expected [^:]*|^at [^:]*|"(\\.|[^"])*"…?|; the frame's header is .*| and sent [0-9a-f ]+|\d+`)

// alike is what the reasons of cases that failed in the same way have in common.
// Whether TCP ends by FIN or by RST is often chance.
func alike(reason string) string {
	return strings.ReplaceAll(particular.ReplaceAllString(reason, ""), "a reset of the connection", "the end of the stream")
}

// ranges shortens consecutive numbers: 1, 2, 3, 5 becomes 1–3, 5.
func ranges(ids []string) []string {
	var list []string
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && follows(ids[j], ids[j+1]) {
			j++
		}
		switch j - i {
		case 0:
			list = append(list, ids[i])
		case 1:
			list = append(list, ids[i], ids[j])
		default:
			list = append(list, ids[i]+"–"+ids[j])
		}
		i = j + 1
	}
	return list
}

func follows(a, b string) bool {
	var x, y int
	if _, err := fmt.Sscanf(a+" "+b, "%d %d", &x, &y); err != nil {
		return false
	}
	return y == x+1
}

// escape makes text that may come off the wire harmless in Markdown.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	s = strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "'").Replace(strings.TrimSpace(s))
	if s != "" && !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "…") {
		s += "."
	}
	return s
}

// insert puts text between the markers of a file.
func insert(name, text string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(data), opening)
	_, after, closed := strings.Cut(rest, closing)
	if !found || !closed {
		return errors.New(name + " has no lines " + opening + " and " + closing)
	}
	return os.WriteFile(name, []byte(before+opening+"\n"+text+closing+after), 0o644)
}
