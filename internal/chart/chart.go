// Package chart draws figures as horizontal bars, in SVG that is readable on light
// and dark ground and needs no script and no font of its own.
package chart

import (
	"fmt"
	"io"
	"strings"
)

// Bar is one figure.
type Bar struct {
	Name  string
	Value float64 // how long the bar is, beside the others of its panel
	Label string  // what stands behind it
	Ours  bool    // drawn in the colour that stands out
	Bound bool    // drawn faintly: what nobody can be better than
}

// Panel is bars that are compared, on a scale of their own.
type Panel struct {
	Title string
	Unit  string
	Bars  []Bar
}

// All measures are in pixels.
const (
	columns    = 2
	panelWidth = 464
	margin     = 20
	headHeight = 44
	rowHeight  = 19
	barHeight  = 13
	nameWidth  = 126
	labelWidth = 96
	barsWidth  = panelWidth - nameWidth - labelWidth
)

// The colours are variables, set once for light ground and once for dark.
const style = `
:root { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --ours: #1a66d6; --peer: #a8b3bf; --bound: #dfe4ea; }
@media (prefers-color-scheme: dark) {
:root { --ground: #151b23; --ink: #e6edf3; --soft: #9198a1; --ours: #58a6ff; --peer: #57616d; --bound: #323a44; }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--ink); }
.title { font-weight: 600; font-size: 13px; }
.unit, .value { fill: var(--soft); font-size: 11px; }
.value { font-variant-numeric: tabular-nums; }
.mine { font-weight: 600; fill: var(--ink); }
.ground { fill: var(--ground); }
.ours { fill: var(--ours); }
.peer { fill: var(--peer); }
.bound { fill: var(--bound); }
`

// Write draws the panels, two beside each other. summary says in a sentence what is
// to be seen, for those who cannot see it.
func Write(w io.Writer, panels []Panel, title, summary string) error {
	var b strings.Builder
	width := margin + columns*(panelWidth+margin)
	var rows []int // the height of each row of panels
	for i := 0; i < len(panels); i += columns {
		most := 0
		for _, p := range panels[i:min(i+columns, len(panels))] {
			most = max(most, len(p.Bars))
		}
		rows = append(rows, headHeight+most*rowHeight)
	}
	height := margin
	for _, h := range rows {
		height += h + margin
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title summary">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<title id="title">%s</title>`+"\n"+`<desc id="summary">%s</desc>`+"\n", escape(title), escape(summary))
	fmt.Fprintf(&b, "<style>%s</style>\n", style)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d" rx="6"/>`+"\n", width, height)
	y := margin
	for i, p := range panels {
		column := i % columns
		if column == 0 && i > 0 {
			y += rows[i/columns-1] + margin
		}
		p.draw(&b, margin+column*(panelWidth+margin), y)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// draw writes one panel with its upper left corner at x, y.
func (p *Panel) draw(b *strings.Builder, x, y int) {
	fmt.Fprintf(b, `<g transform="translate(%d %d)">`+"\n", x, y)
	fmt.Fprintf(b, `<text class="title" y="13">%s</text><text class="unit" y="30">%s</text>`+"\n", escape(p.Title), escape(p.Unit))
	longest := 0.0
	for _, bar := range p.Bars {
		longest = max(longest, bar.Value)
	}
	for i, bar := range p.Bars {
		top := headHeight + i*rowHeight
		length := 0.0
		if longest > 0 {
			length = max(1, bar.Value/longest*barsWidth)
		}
		class, mine := "peer", ""
		switch {
		case bar.Ours:
			class, mine = "ours", ` class="mine"`
		case bar.Bound:
			class = "bound"
		}
		fmt.Fprintf(b, `<text%s x="%d" y="%d" text-anchor="end">%s</text>`, mine, nameWidth-8, top+barHeight-2, escape(bar.Name))
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, class, nameWidth, top, length, barHeight)
		fmt.Fprintf(b, `<text class="value" x="%.1f" y="%d">%s</text>`+"\n", nameWidth+length+6, top+barHeight-2, escape(bar.Label))
	}
	b.WriteString("</g>\n")
}

// escape makes a text fit between tags and in attributes.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
