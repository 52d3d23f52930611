package audit

import (
	"fmt"
	"strings"

	"ingot/internal/event"
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
	e := c.Events.Event(i)
	if c.rows[i] < 3 { // more would be no news
		c.rows[i]++
	}
	if c.rows[i] == 2 {
		c.verdict.Repeated++
		c.find("repeated", e, "there is more than one row")
	}
	if diff := differences(e, row); diff != "" {
		c.verdict.Different++
		c.find("different", e, diff)
	}
}

// differences tells how a row differs from its event, "" for not at all. The
// payload must be the same bytes; the timestamp only the same instant.
func differences(e event.Event, row client.Row) string {
	var diff []string
	if row.Source != e.Source {
		diff = append(diff, fmt.Sprintf("source is %q, sent was %q", row.Source, e.Source))
	}
	if !row.Timestamp.Equal(e.Timestamp) {
		diff = append(diff, fmt.Sprintf("timestamp is %v, sent was %v", row.Timestamp, e.Timestamp))
	}
	if string(row.Payload) != e.Payload {
		diff = append(diff, fmt.Sprintf("payload is %.400s, sent was %.400s", row.Payload, e.Payload))
	}
	return strings.Join(diff, "; ")
}

// sum closes the audit: it looks for what never came.
func (c *check) sum() Verdict {
	v := &c.verdict
	for i, rows := range c.rows {
		switch there := rows > 0; {
		case !c.Ledger.Sent(i):
		case !c.Ledger.Acked(i) && there:
			v.OpenFound++
		case !c.Ledger.Acked(i):
			v.OpenLost++
		case there:
			v.Found++
		default:
			v.Missing++
			c.find("missing", c.Events.Event(i), "it was acknowledged, and is not there")
		}
		if c.Ledger.ToldTwice(i) {
			v.ToldTwice++
			c.find("told twice", c.Events.Event(i), "more than one send was answered stored")
		}
	}
	v.Expected = v.Found + v.Missing
	return *v
}

func (c *check) find(what string, e event.Event, detail string) {
	if len(c.verdict.Findings) < maxFindings {
		c.verdict.Findings = append(c.verdict.Findings, fmt.Sprintf("%s: event %s on %s: %s", what, e.ID, e.Topic, detail))
	}
}
