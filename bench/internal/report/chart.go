package report

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// The size of a line chart and the room around it, in SVG units.
const (
	chartWidth, chartHeight = 360.0, 190.0
	roomLeft, roomRight     = 46.0, 24.0
	roomTop, roomBottom     = 26.0, 34.0
)

// point is a value, and the label that a mouse pointer over it is shown.
type point struct {
	x, y  float64
	label string
}

// series is one line: a round. The strong line is the round that stands for all of them.
type series struct {
	points []point
	strong bool
}

// chart is a line chart. Ticks decide what its axes span.
type chart struct {
	title, xName   string
	series         []series
	xTicks, yTicks []tick
	yLog           bool
}

func (c chart) empty() bool {
	for _, s := range c.series {
		if len(s.points) > 1 {
			return false
		}
	}
	return true
}

// svg draws the chart.
func (c chart) svg() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.title))
	fmt.Fprintf(&b, `<text class="name" x="0" y="13">%s</text>`, html.EscapeString(c.title))
	if c.empty() {
		fmt.Fprintf(&b, `<text class="tick" x="%g" y="%g" text-anchor="middle">not enough samples</text></svg>`, chartWidth/2, chartHeight/2)
		return template.HTML(b.String())
	}
	x := scale{from: c.xTicks[0].at, to: c.xTicks[len(c.xTicks)-1].at, at: roomLeft, end: chartWidth - roomRight}
	y := scale{from: c.yTicks[0].at, to: c.yTicks[len(c.yTicks)-1].at, at: chartHeight - roomBottom, end: roomTop, log: c.yLog}
	c.axes(&b, x, y)
	for _, strong := range []bool{false, true} { // the strong line over the others
		for _, s := range c.series {
			if s.strong == strong {
				s.draw(&b, x, y)
			}
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func (c chart) axes(b *strings.Builder, x, y scale) {
	for _, t := range c.yTicks {
		at := y.pixel(t.at)
		fmt.Fprintf(b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, x.at, x.end, at, at)
		fmt.Fprintf(b, `<text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`, x.at-6, at+4, t.label)
	}
	for _, t := range c.xTicks {
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`, x.pixel(t.at), chartHeight-roomBottom+15, t.label)
	}
	fmt.Fprintf(b, `<line class="axis" x1="%g" x2="%g" y1="%g" y2="%g"/>`, x.at, x.end, y.at, y.at)
	fmt.Fprintf(b, `<text class="tick" x="%g" y="%g" text-anchor="end">%s</text>`, x.end, chartHeight-4, html.EscapeString(c.xName))
}

func (s series) draw(b *strings.Builder, x, y scale) {
	class := "round"
	if s.strong {
		class = "strong"
	}
	b.WriteString(`<polyline class="` + class + `" points="`)
	for _, p := range s.points {
		fmt.Fprintf(b, "%.1f,%.1f ", x.pixel(p.x), y.pixel(p.y))
	}
	b.WriteString(`"/>`)
	for _, p := range s.points {
		if p.label != "" {
			fmt.Fprintf(b, `<circle class="spot" cx="%.1f" cy="%.1f" r="7"><title>%s</title></circle>`, x.pixel(p.x), y.pixel(p.y), html.EscapeString(p.label))
		}
	}
}

// linearAxes gives the axes so many ticks, from 0 to what all series need.
func (c *chart) linearAxes(x, y int) {
	var right, top float64
	for _, s := range c.series {
		for _, p := range s.points {
			right, top = max(right, p.x), max(top, p.y)
		}
	}
	c.xTicks, c.yTicks = linearTicks(right, x), linearTicks(top, y)
}
