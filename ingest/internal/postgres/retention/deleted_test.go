package retention

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/reader"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestPrunedPlaces: a place whose batch was deleted is gone, all others go on.
func TestPrunedPlaces(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order := filled(t, url, 250)
	r := newReader(t, url)
	places := map[int64]string{0: ""}
	for cursor := ""; ; {
		page, err := r.Events(t.Context(), event.Query{Feed: true, Cursor: cursor, Limit: 1, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if page.Next == cursor || len(places) > len(order) {
			break
		}
		cursor = page.Next
		places[page.At.Commit] = cursor
	}
	pruned(t, newPruner(t, url), olderThan(100))
	for commit, cursor := range places {
		_, err := r.Events(t.Context(), event.Query{Feed: true, Cursor: cursor, Limit: 1, MaxBytes: 1 << 20})
		var c *event.CursorError
		isGone := errors.As(err, &c) && c.Gone
		if want := commit > 0 && commit <= 100; isGone != want || !isGone && err != nil {
			t.Errorf("the place in batch %d: %v", commit, err)
		}
	}
}

// TestPlaceBeforeAPause: who has seen everything goes on from there when something comes, however
// long that took.
func TestPlaceBeforeAPause(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	storetest.Merge(t, newWriter(t, url), "a")
	storetest.Merge(t, newWriter(t, url), "b")
	r, p := newReader(t, url), newPruner(t, url)
	pgtest.Exec(t, pgtest.Client(t, url), "UPDATE ingot.batches SET committed_at = committed_at - interval '1 year'")
	end, err := r.Start(t.Context(), "now")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Merge(t, newWriter(t, url), "c")
	if all := pruned(t, p, postgres.MinRetention); all.Batches != 1 {
		t.Errorf("deleted %+v", all)
	}
	page, err := r.Events(t.Context(), event.Query{Feed: true, Cursor: end.Cursor(), Limit: 10, MaxBytes: 1 << 20})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("behind the pause: %+v %v", page, err)
	}
	if all := pruned(t, p, 0); all.Batches != 1 {
		t.Errorf("when that is old as well: %+v", all)
	}
	postgrestest.CheckLog(t, url)
}

// TestPageThatIsDeletedMeanwhile: a reader that has read the log, and whose events are deleted then, is
// told that its place is gone. A page without them would pass over them in silence.
func TestPageThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]event.Query{"all": {}, "by topic": {Topics: []string{"rare"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			filled(t, url, 250)
			r, conn := newReader(t, url), pgtest.Client(t, url)
			query.Feed, query.Limit, query.MaxBytes = true, 1, 1<<20
			first, err := r.Events(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			query.Cursor, query.Limit = first.Next, 1000

			pgtest.Exec(t, conn, "BEGIN")
			deletedMeanwhile(t, r, conn, query, olderThan(100))
		})
	}
}

// deletedMeanwhile reads a page, for which conn, in a transaction, deletes the batches of an age, and wants its place to be gone.
func deletedMeanwhile(t *testing.T, r *reader.Reader, conn *pgx.Conn, query event.Query, age time.Duration) {
	t.Helper()
	pgtest.Exec(t, conn, "LOCK TABLE ingot.events IN ACCESS EXCLUSIVE MODE")
	read := make(chan error, 1)
	go func() { // ends with the lock
		_, err := r.Events(context.Background(), query)
		read <- err
	}()
	pgtest.WaitFor(t, pgtest.Client(t, conn.Config().ConnString()), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ingot.events'::regclass", 1)
	if done, err := prune(t.Context(), conn, age, stepEvents); err != nil || done.Batches == 0 {
		t.Fatalf("%+v %v", done, err)
	}
	var c *event.CursorError
	if err := <-read; !errors.As(err, &c) || !c.Gone {
		t.Errorf("got %v", err)
	}
}
