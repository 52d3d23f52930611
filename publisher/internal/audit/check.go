package audit

import (
	"fmt"

	"ingot/publisher/internal/client"
)

// check compares rows with events and keeps the score. One goroutine at a time.
type check struct {
	Subject
	rows    []uint8 // per event: how many rows it has, up to 3
	verdict Verdict
}

func newCheck(s Subject) *check {
	return &check{Subject: s, rows: make([]uint8, s.Unique), verdict: Verdict{Findings: []string{}}}
}

// compare holds a row of event i against the event.
func (c *check) compare(i int, row client.Row) {
	if c.rows[i] < 3 { // more would be no news
		c.rows[i]++
	}
	if c.rows[i] == 2 {
		c.verdict.Repeated++
		c.find("repeated", i, "there is more than one row")
	}
	if diff := c.Events.Diff(i, row); diff != "" {
		c.verdict.Different++
		c.find("different", i, diff)
	}
}

// sum closes the audit: it looks for what never came.
func (c *check) sum() Verdict {
	v := &c.verdict
	for i, rows := range c.rows {
		switch there := rows > 0; {
		case !c.Told.Sent(i):
		case !c.Told.Acked(i) && there:
			v.OpenFound++
		case !c.Told.Acked(i):
			v.OpenLost++
		case there:
			v.Found++
		default:
			v.Missing++
			c.find("missing", i, "it was acknowledged, but is not there")
		}
		if c.Told.ToldTwice(i) {
			v.ToldTwice++
			c.find("told twice", i, "more than one send was answered stored")
		}
	}
	v.Expected = v.Found + v.Missing
	return *v
}

func (c *check) find(what string, i int, detail string) {
	if len(c.verdict.Findings) < maxFindings {
		id, topic := c.Events.Key(i)
		c.verdict.Findings = append(c.verdict.Findings, fmt.Sprintf("%s: event %s on %s: %s", what, id, topic, detail))
	}
}
