package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ingot/internal/event"
	"ingot/internal/workload"
	"ingot/publisher/internal/client"
	"ingot/publisher/internal/ingottest"
	"ingot/publisher/internal/tally"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const unique = 50

// quiet is a Meter that counts.
type quiet struct{ total, done, ended int }

func (q *quiet) Begin(_ string, total int) { q.total = total }
func (q *quiet) Add(n int)                 { q.done += n }
func (q *quiet) End()                      { q.ended++ }

// publish sends the events of seed 1, each twice, and returns who may audit it.
func publish(t *testing.T, srv *ingottest.Server) (*client.Client, Subject) {
	t.Helper()
	c := client.New(client.Config{URL: "http://ingot", Timeout: time.Second, GiveUpAfter: 5 * time.Second, Transport: ingottest.Network(t, srv)})
	g, told := workload.New(1), tally.New()
	for n := range 2 * unique {
		i := n % unique
		told.Add([]int{i}, c.Publish(t.Context(), []event.Event{g.Event(i)}))
	}
	return c, Subject{Events: Remade{g}, Unique: unique, Told: told, Workers: 4}
}

// both runs a test on a table as large as the run, and on one much larger.
func both(t *testing.T, test func(t *testing.T, method string, foreign int)) {
	for method, foreign := range map[string]int{"feed": 0, "lookup": 100 * unique} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, method, foreign) })
		})
	}
}

func TestAnHonestServerPasses(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, method string, foreign int) {
		srv := &ingottest.Server{}
		srv.Swell(foreign)
		c, subject := publish(t, srv)
		var m quiet
		v, err := Run(t.Context(), c, subject, &m)
		if err != nil || !v.OK() || v.Method != method || v.Expected != unique || v.Found != unique || v.Findings == nil {
			t.Errorf("%+v (%v), want %d found by %s", v, err, unique, method)
		}
		if m.done != unique || m.total != unique || m.ended != 1 {
			t.Errorf("the meter shows %+v", m)
		}
	})
}

// victim is the event that a dishonest server hurts.
var victim = workload.New(1).Event(17)

// only applies a change to the victim's row.
func only(change func(ingottest.Event) []ingottest.Event) func(ingottest.Event) []ingottest.Event {
	return func(row ingottest.Event) []ingottest.Event {
		if row.ID == victim.ID {
			return change(row)
		}
		return []ingottest.Event{row}
	}
}

func TestADishonestServerIsCaught(t *testing.T) {
	t.Parallel()
	type rows = []ingottest.Event
	for _, c := range []struct {
		name    string
		keep    func(ingottest.Event) rows
		want    Verdict
		finding string
	}{
		{"an event is lost", func(ingottest.Event) rows { return nil }, Verdict{Missing: 1}, "missing: event " + victim.ID},
		{"an event is there twice", func(e ingottest.Event) rows { return rows{e, e} }, Verdict{Repeated: 1}, "repeated: event " + victim.ID},
		{"an event is there more often than a byte can count", func(e ingottest.Event) rows { return slices.Repeat(rows{e}, 300) }, Verdict{Repeated: 1}, "repeated: "},
		{"a space is lost from the payload", func(e ingottest.Event) rows {
			e.Payload = strings.Replace(e.Payload, ":", ": ", 1)
			return rows{e}
		}, Verdict{Different: 1}, "payload is "},
		{"one byte of the payload is another", func(e ingottest.Event) rows {
			e.Payload = strings.Replace(e.Payload, "0", "1", 1)
			return rows{e}
		}, Verdict{Different: 1}, "payload is "},
		{"the payload is of another event", func(e ingottest.Event) rows {
			e.Payload = workload.New(1).Event(18).Payload
			return rows{e}
		}, Verdict{Different: 1}, "payload is "},
		{"the source is another", func(e ingottest.Event) rows { e.Source = "x"; return rows{e} }, Verdict{Different: 1}, `source is "x"`},
		{"the timestamp is a microsecond late", func(e ingottest.Event) rows {
			e.Timestamp = victim.Timestamp.Add(time.Microsecond)
			return rows{e}
		}, Verdict{Different: 1}, "timestamp is "},
		{"the topic is another, so the key is missing", func(e ingottest.Event) rows { e.Topic = "x"; return rows{e} }, Verdict{Missing: 1}, "missing: "},
		{"one copy is good and one is not", func(e ingottest.Event) rows {
			bad := e
			bad.Source = "x"
			return rows{e, bad}
		}, Verdict{Repeated: 1, Different: 1}, "repeated: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, _ string, foreign int) {
				srv := &ingottest.Server{Keep: only(c.keep)}
				srv.Swell(foreign)
				client, subject := publish(t, srv)
				v, err := Run(t.Context(), client, subject, &quiet{})
				if err != nil || v.OK() || v.Expected != unique || v.Missing != c.want.Missing || v.Repeated != c.want.Repeated || v.Different != c.want.Different {
					t.Errorf("%+v (%v), want %+v", v, err, c.want)
				}
				if len(v.Findings) == 0 || !strings.Contains(v.Findings[0], c.finding) {
					t.Errorf("findings %q, want %q", v.Findings, c.finding)
				}
			})
		})
	}
}

// TestStoredTwiceInWords: the rows are right, but two sends were told "stored".
func TestStoredTwiceInWords(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, _ string, foreign int) {
		srv := &ingottest.Server{Answer: func(k ingottest.Key, said string) string {
			if k.ID == victim.ID {
				return "stored"
			}
			return said
		}}
		srv.Swell(foreign)
		c, subject := publish(t, srv)
		if v, err := Run(t.Context(), c, subject, &quiet{}); err != nil || v.OK() || v.ToldTwice != 1 || v.Missing+v.Repeated+v.Different != 0 || len(v.Findings) != 1 || !strings.HasPrefix(v.Findings[0], "told twice: event "+victim.ID) {
			t.Errorf("%+v (%v), want one told twice", v, err)
		}
	})
}

func TestFindingsAreBoundedAndCountsAreNot(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, _ string, foreign int) {
		srv := &ingottest.Server{Keep: func(ingottest.Event) []ingottest.Event { return nil }}
		srv.Swell(foreign)
		c, subject := publish(t, srv)
		if v, err := Run(t.Context(), c, subject, &quiet{}); err != nil || v.Missing != unique || len(v.Findings) != maxFindings {
			t.Errorf("%+v (%v), want %d missing in %d findings", v, err, unique, maxFindings)
		}
	})
}

// told is the tally of a run in which each event was told the same.
func told(s client.Status) *tally.Tally {
	t := tally.New()
	for i := range unique {
		t.Add([]int{i}, client.Result{Statuses: []client.Status{s}})
	}
	return t
}

// others are events of which somebody else has sent the keys, with something else.
type others struct{ Events }

func (others) Diff(int, client.Row) string { return "all is different" }

// TestEventsNeverAcknowledgedAreNotMissed: they may be there or not. What was never sent is somebody else's.
func TestEventsNeverAcknowledgedAreNotMissed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, _ string, foreign int) {
		srv := &ingottest.Server{Keep: only(func(ingottest.Event) []ingottest.Event { return nil })}
		srv.Swell(foreign)
		c, subject := publish(t, srv)
		subject.Told = told(client.Unknown)
		v, err := Run(t.Context(), c, subject, &quiet{})
		if err != nil || !v.OK() || v.Expected != 0 || v.OpenFound != unique-1 || v.OpenLost != 1 {
			t.Errorf("%+v (%v), want %d open found and one lost", v, err, unique-1)
		}
		subject.Told, subject.Events = tally.New(), others{subject.Events}
		if v, err := Run(t.Context(), c, subject, &quiet{}); err != nil || !v.OK() || v.OpenFound+v.OpenLost+v.Expected != 0 {
			t.Errorf("%+v (%v), want nothing of events that were never sent", v, err)
		}
	})
}

// TestOneFindingIsEnough: whatever was found, together with whatever else.
func TestOneFindingIsEnough(t *testing.T) {
	t.Parallel()
	for n := range 1 << 4 {
		v := Verdict{Expected: unique, Found: unique, Missing: n & 1, Repeated: n >> 1 & 1, Different: n >> 2 & 1, ToldTwice: n >> 3}
		if v.OK() != (n == 0) {
			t.Errorf("%+v is OK: %t", v, v.OK())
		}
	}
}

// broken is a Reader whose answers are given.
type broken struct {
	down   error // of Stats
	unique int
	page   client.Page
	rows   []client.Row
	err    error
}

func (b broken) Stats(context.Context) (client.Stats, error) {
	return client.Stats{UniqueProcessed: b.unique}, b.down
}
func (b broken) Feed(context.Context, string, int) (client.Page, error) { return b.page, b.err }
func (b broken) Lookup(context.Context, string, string) ([]client.Row, error) {
	return b.rows, b.err
}

func TestAnAuditThatCannotFinishIsAnError(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	id, topic := Remade{workload.New(1)}.Key(0)
	for name, r := range map[string]broken{
		"the table's size is not known":      {err: down, down: down},
		"only that is not known":             {down: down},
		"the look-up finds another id":       {rows: []client.Row{{ID: "x", Topic: topic}}, unique: 1000 * unique},
		"the look-up finds another topic":    {rows: []client.Row{{ID: id, Topic: "x"}}, unique: 1000 * unique},
		"the feed fails":                     {err: down},
		"the look-up fails":                  {err: down, unique: 1000 * unique},
		"the cursor stays on a page of rows": {page: client.Page{Events: make([]client.Row, 1)}},
		"the look-up finds something else":   {rows: make([]client.Row, 1), unique: 1000 * unique},
	} {
		s := Subject{Events: Remade{workload.New(1)}, Unique: unique, Told: told(client.Stored), Workers: 4}
		if len(r.rows) > 0 {
			s.Unique = 1 // that of the look-up
		}
		if v, err := Run(t.Context(), r, s, &quiet{}); err == nil || r.err != nil && !errors.Is(err, r.err) || r.down != nil && !errors.Is(err, r.down) {
			t.Errorf("%s: %+v (%v), want an error", name, v, err)
		}
	}
}
