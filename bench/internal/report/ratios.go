package report

import (
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"

	"ingot/bench/internal/result"
	"ingot/bench/internal/statistics"
)

// bar is a ratio of a scenario.
type bar struct {
	scenario string
	ratio    result.Ratio
	rounds   []result.Round
	values   []float64
}

// barGroup is bars that may share an axis.
type barGroup struct {
	Title string
	bars  []bar
}

// barGroups groups ratios by what they are held against, since shares of a limit, multiples of another figure, and latencies
// in commits have no axis in common.
func barGroups(r *result.Result) (groups []barGroup) {
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		for _, ratio := range s.Shown() {
			values := ratio.Over(s.Rounds)
			if len(values) == 0 {
				continue
			}
			title := groupTitle(ratio)
			at := slices.IndexFunc(groups, func(g barGroup) bool { return g.Title == title })
			if at < 0 {
				at, groups = len(groups), append(groups, barGroup{Title: title})
			}
			groups[at].bars = append(groups[at].bars, bar{s.Name, ratio, s.Rounds, values})
		}
	}
	return groups
}

func groupTitle(r result.Ratio) string {
	switch {
	case r.LowerIsBetter():
		return "Latency, in commits of one row (less is better)"
	case r.Limit == "copy":
		return "Events/s as a share of raw COPY"
	case r.Limit == "nothing":
		return "Events/s as a share of HTTP that does nothing"
	case r.Limit == "bare":
		return "Events/s as a share of rows in groups and no promise"
	case r.Limit == "naive":
		return "Events/s, times one INSERT per request"
	case r.Limit == "commit":
		return "Events per commit"
	}
	return timesAnother
}

const timesAnother = "Events/s, times another scenario"

// The bars: a label, the bar with its rounds and its goal, the median.
const (
	barsWidth, barRow   = 860.0, 30.0
	barsLeft, barsRight = 230.0, 175.0
)

// SVG draws the group.
func (g barGroup) SVG() template.HTML {
	var b strings.Builder
	height := barRow*float64(len(g.bars)) + 24
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img">`, barsWidth, height)
	widest := 0.0
	for _, bar := range g.bars {
		widest = max(widest, bar.ratio.Goal, slices.Max(bar.values))
	}
	ticks := linearTicks(widest, 5)
	x := scale{from: 0, to: ticks[len(ticks)-1].at, at: barsLeft, end: barsWidth - barsRight}
	for _, t := range ticks {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="0" y2="%g"/>`, x.pixel(t.at), x.pixel(t.at), height-20)
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%g" text-anchor="middle">%s</text>`, x.pixel(t.at), height-5, t.label)
	}
	for i, bar := range g.bars {
		bar.draw(&b, x, barRow*float64(i))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func (b bar) draw(out *strings.Builder, x scale, top float64) {
	median := statistics.Median(b.values)
	name := b.scenario
	switch {
	case b.ratio.LowerIsBetter():
		name += ", " + string(b.ratio.Figure)
	case groupTitle(b.ratio) == timesAnother:
		name += " / " + b.ratio.Limit
	}
	fmt.Fprintf(out, `<text class="label" x="%g" y="%g" text-anchor="end">%s</text>`, barsLeft-8, top+19, html.EscapeString(name))
	fmt.Fprintf(out, `<rect class="bar" x="%.1f" y="%g" width="%.1f" height="16" rx="2"/>`, x.at, top+6, x.pixel(median)-x.at)
	for i, v := range b.values {
		fmt.Fprintf(out, `<circle class="dot" cx="%.1f" cy="%g" r="3.5"><title>round %d: %.3f</title></circle>`, x.pixel(v), top+14, i+1, v)
	}
	verdict, class := "", "label"
	if goal := b.ratio.Goal; goal > 0 {
		fmt.Fprintf(out, `<line class="goal" x1="%.1f" x2="%.1f" y1="%g" y2="%g"><title>goal %g</title></line>`, x.pixel(goal), x.pixel(goal), top+2, top+26, goal)
		verdict, class = fmt.Sprintf(" goal %.4g ✗", goal), "label missed"
		if b.ratio.Reached(b.rounds) {
			verdict, class = fmt.Sprintf(" goal %.4g ✓", goal), "label met"
		}
	}
	fmt.Fprintf(out, `<text class="%s" x="%g" y="%g"><tspan class="value">%.3g</tspan>%s</text>`, class, x.end+14, top+19, median, verdict)
}
