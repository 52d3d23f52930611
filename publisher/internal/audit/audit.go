package audit

import (
	"context"
	"fmt"

	"ingot/publisher/internal/client"
	"ingot/publisher/internal/tally"
)

// large is how many times larger than the run a table must be for the audit to ask key by key: one look-up costs
// about as much as ten rows of a full page. A guess.
const large = 10

// maxFindings is how many findings are told in words; all are counted.
const maxFindings = 10

// Reader reads events back. Its errors are final: it has retried already.
type Reader interface {
	Stats(ctx context.Context) (client.Stats, error)
	Feed(ctx context.Context, cursor string, limit int) (client.Page, error)
	Lookup(ctx context.Context, id, topic string) ([]client.Row, error)
}

// Events knows the events of the run, by index.
type Events interface {
	Key(i int) (id, topic string)
	Diff(i int, row client.Row) string // how the row differs from the event, "" for not at all
}

// Meter shows how far the audit is. It is called by one goroutine at a time.
type Meter interface {
	Begin(what string, total int)
	Add(n int)
	End()
}

// Subject is a run to be audited.
type Subject struct {
	Events  Events
	Unique  int          // how many events there are
	Told    *tally.Tally // what the run was told about them
	Workers int          // parallel look-ups, at least 1
}

// Verdict is what an audit found. The JSON names are an interface.
type Verdict struct {
	Method    string   `json:"method"`     // "feed" or "lookup"
	Expected  int      `json:"expected"`   // events that were acknowledged
	Found     int      `json:"found"`      // of these, there
	Missing   int      `json:"missing"`    // of these, not there
	Repeated  int      `json:"repeated"`   // events there more than once
	Different int      `json:"different"`  // rows with another content
	ToldTwice int      `json:"told_twice"` // events answered stored more than once
	OpenFound int      `json:"open_found"` // events never acknowledged, and there
	OpenLost  int      `json:"open_lost"`  // events never acknowledged, and not there
	Findings  []string `json:"findings"`   // the first few, in words
}

// OK reports whether the promise was kept.
func (v Verdict) OK() bool { return v.Missing+v.Repeated+v.Different+v.ToldTwice == 0 }

// Run reads the run back and compares. An error means that it could not finish.
func Run(ctx context.Context, r Reader, s Subject, m Meter) (Verdict, error) {
	stats, err := r.Stats(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("read the totals: %w", err)
	}
	c := newCheck(s)
	defer m.End()
	if stats.UniqueProcessed > large*s.Unique {
		m.Begin("audit", s.Unique)
		c.verdict.Method = "lookup"
		err = c.lookup(ctx, r, m)
	} else {
		m.Begin("audit", stats.UniqueProcessed)
		c.verdict.Method = "feed"
		err = c.walk(ctx, r, m)
	}
	if err != nil {
		return Verdict{}, err
	}
	return c.sum(), nil
}
