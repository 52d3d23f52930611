package reader

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestRowsThatMoveWhileAPageIsRead: rows that are not where they were just found any more are missing from no page. They
// move before the n-th query, for each n.
func TestRowsThatMoveWhileAPageIsRead(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order, conn := storetest.History(t, 8, newWriter(t, url)), pgtest.Client(t, url)
	move := func() { pgtest.Exec(t, conn, "UPDATE ingot.events SET source = source") }
	newest := slices.Clone(order)
	slices.Reverse(newest)
	for name, c := range map[string]struct {
		query event.Query
		want  []string
	}{
		"feed":              {event.Query{Feed: true}, order},
		"feed of topics":    {event.Query{Feed: true, Topics: []string{"rare", "frequent"}}, order},
		"newest":            {event.Query{}, newest},
		"newest of topics":  {event.Query{Topics: []string{"rare", "frequent"}}, newest},
		"feed, small pages": {event.Query{Feed: true, MaxBytes: 300}, order},
	} {
		c.query.Limit = 1000
		for at, queries := 1, 2; at < queries && at < 10; at++ {
			before := &beforeQuery{do: func(n int) {
				if n == at {
					move()
				}
			}}
			r, end := before.reader(t, url)
			if diff := cmp.Diff(c.want, storetest.Walk(t, r, c.query)); diff != "" {
				t.Errorf("%s, moved before query %d: %s", name, at, diff)
			}
			end()
			queries = before.n
		}
		r, end := (&beforeQuery{do: func(int) { move() }}).reader(t, url)
		c.query.MaxBytes = 1 << 20
		if page, err := r.Events(t.Context(), c.query); err == nil {
			t.Errorf("%s: while rows move all the time there is a page of %d events", name, len(page.Events))
		}
		end()
	}
}
