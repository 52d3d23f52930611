package postgres_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/reader"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestMoved: in a copy of the tables, made in the order of pg_dump and pg_restore, and in tables that were
// written anew in another order, all that is read is what it was, every place in the feed goes on, and
// what is written afterwards comes behind. Rows do not stand where the table ended any more: there was a hole, some of
// it from retention, and a key's order is not that of the log.
func TestMoved(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(t *testing.T, url string) string{
		"by a dump": dumped,
		"VACUUM FULL": func(t *testing.T, url string) string {
			pgtest.Exec(t, pgtest.Client(t, url), "VACUUM FULL ingot.events")
			return url
		},
		"CLUSTER": func(t *testing.T, url string) string {
			pgtest.Exec(t, pgtest.Client(t, url), "CLUSTER ingot.events USING events_pkey")
			return url
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			pgtest.Exec(t, pgtest.Client(t, url), "BEGIN; INSERT INTO ingot.events SELECT n, 'hole', -n, 's', now(), now(), '0' FROM generate_series(1, 20000) AS n; ROLLBACK")
			filled(t, url, 200)
			if done, err := newPruner(t, url).Prune(t.Context(), time.Since(time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC))); err != nil || done.Batches == 0 || done.Batches > 100 {
				t.Fatalf("%+v, %v", done, err)
			}
			before := lookAt(t, url)
			places := placesOf(t, newReader(t, url))
			s := newSubscriptions(t, url)
			if _, err := s.Create(t.Context(), event.Subscription{Name: "kept", After: "beginning", At: places[len(places)/2]}); err != nil {
				t.Fatal(err)
			}
			kept, _, err := s.Get(t.Context(), "kept")
			if err != nil {
				t.Fatal(err)
			}
			s.Close() // a table that is written anew is locked

			url = move(t, url)
			if _, err := postgres.Open(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, lookAt(t, url)); diff != "" {
				t.Errorf("something is read that was not there: %s", diff)
			}
			postgrestest.CheckLog(t, url)
			w := newWriter(t, url, writer.PathAuto)
			storetest.Merge(t, w, "new 1", "new 2")
			after := lookAt(t, url)
			feed := after["feed"]
			if want := append(append([]string{}, before["feed"]...), "t/new 1", "t/new 2"); !cmp.Equal(want, feed) {
				t.Errorf("the feed goes on with %v", feed[max(0, len(feed)-3):])
			}
			if newest := after["newest"]; newest[0] != "t/new 2" || newest[1] != "t/new 1" {
				t.Errorf("newest first: %v", newest[:3])
			}
			r := newReader(t, url)
			for n := 0; n < len(places); n += 41 {
				at := places[n]
				if diff := cmp.Diff(feed[n+1:], storetest.Walk(t, r, event.Query{Feed: true, Limit: 1000, Cursor: at.Cursor()})); diff != "" {
					t.Fatalf("behind event %d: %s", n, diff)
				}
			}
			if got, there, err := newSubscriptions(t, url).Get(t.Context(), "kept"); err != nil || !there || got.At != kept.At || got.LagEvents != kept.LagEvents+2 {
				t.Errorf("the subscription: %+v, %v, want %+v and 2 events more behind it", got, err, kept)
			}
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("new 1")}, func() {}); err != nil || stored[0] {
				t.Errorf("a key that is there: %v, %v", stored, err)
			}
			postgrestest.CheckLog(t, url)
		})
	}
}

// lookAt reads everything in every way there is.
func lookAt(t *testing.T, url string) map[string][]string {
	t.Helper()
	r := newReader(t, url)
	looked := map[string][]string{}
	for name, q := range map[string]event.Query{
		"feed":                 {Feed: true},
		"feed of a topic":      {Feed: true, Topics: []string{"rare"}},
		"feed of topics":       {Feed: true, Topics: []string{"rare", "frequent", "none"}},
		"feed of a source":     {Feed: true, Source: "s1"},
		"feed since":           {Feed: true, Since: time.Date(2026, 1, 1, 1, 40, 0, 0, time.UTC)},
		"newest":               {},
		"newest of a topic":    {Topics: []string{"rare"}},
		"newest of topics":     {Topics: []string{"rare", "frequent", "none"}},
		"newest of a source":   {Source: "s1"},
		"newest until":         {Until: time.Date(2026, 1, 1, 2, 40, 0, 0, time.UTC)},
		"newest of an event":   {EventID: "00300"},
		"newest in small ones": {MaxBytes: 300},
	} {
		q.Limit = 100
		looked[name] = storetest.Walk(t, r, q)
	}
	for _, key := range looked["feed"] {
		topic, id, _ := strings.Cut(key, "/")
		e, there, err := r.Event(t.Context(), topic, id)
		looked["by key"] = append(looked["by key"], fmt.Sprint(e.Event, e.ReceivedAt, e.Position, there, err))
	}
	totals, err := r.Totals(t.Context(), -1, 1<<20)
	looked["totals"] = []string{fmt.Sprint(totals, err)} // maps are printed in order
	return looked
}

// placesOf are the places behind every event.
func placesOf(t *testing.T, r *reader.Reader) (places []event.Position) {
	t.Helper()
	for q := (event.Query{Feed: true, Limit: 1000, MaxBytes: 8 << 20}); ; {
		page, err := r.Events(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			places = append(places, e.Position)
		}
		if page.Next == q.Cursor {
			return places
		}
		q.Cursor = page.Next
	}
}

// dumped copies a database as pg_dump and pg_restore do, which not every Postgres comes with: tables without
// keys, their rows by COPY in the order of their names, the sequence, and at last indexes and keys.
func dumped(t *testing.T, url string) (copied string) {
	t.Helper()
	copied = postgrestest.Database(t)
	from, to := pgtest.Client(t, url), pgtest.Client(t, copied)
	const keys = `SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)), format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
		FROM pg_constraint WHERE connamespace = 'ingot'::regnamespace AND contype IN ('p', 'u')
		UNION ALL SELECT pg_get_indexdef('ingot.events_slices'::regclass), 'DROP INDEX ingot.events_slices'`
	rows, err := to.Query(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	var add, drop string
	var adds []string
	if _, err := pgx.ForEachRow(rows, []any{&add, &drop}, func() error {
		adds = append(adds, add, drop)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(adds); i += 2 {
		pgtest.Exec(t, to, adds[i])
	}
	pgtest.Exec(t, to, "DELETE FROM ingot.schema_version")
	for _, table := range []string{"batches", "events", "schema_version", "subscriptions", "topics"} {
		var text bytes.Buffer
		if _, err := from.PgConn().CopyTo(t.Context(), &text, "COPY ingot."+table+" TO stdout"); err != nil {
			t.Fatal(err)
		}
		if _, err := to.PgConn().CopyFrom(t.Context(), &text, "COPY ingot."+table+" FROM stdin"); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, to, fmt.Sprintf("SELECT setval('ingot.id_blocks', %d)", pgtest.Number(t, from, "SELECT last_value FROM ingot.id_blocks")))
	for i := 0; i < len(adds); i += 2 {
		pgtest.Exec(t, to, adds[i])
	}
	return copied
}
