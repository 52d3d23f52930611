package retention

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestPruneBehindAClockThatWasAhead: batches whose time has not come yet are as old as the next one whose time has,
// however many they are, and keep nothing from being deleted.
func TestPruneBehindAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, old, want int64 }{
		{1, 5, 40, 39},  // the log begins with them
		{3, 30, 40, 39}, // they stand between old ones
		{20, 40, 19, 18},
		{20, 50, 40, 18}, // before a young one
		{1, 40, 0, 0},
		{41, 60, 40, 39}, // none behind them has its time yet
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			tinyBatches(t, url, 60)
			pgtest.Exec(t, pgtest.Client(t, url), `UPDATE ingot.batches SET committed_at = now() + commit_seq * interval '1 ms' +
				CASE WHEN commit_seq BETWEEN $1 AND $2 THEN interval '1 year' WHEN commit_seq <= $3 THEN -interval '2 hours' ELSE -interval '1 minute' END`, c.from, c.to, c.old)
			p := newPruner(t, url)
			all := pruned(t, p, time.Hour)
			again := pruned(t, p, time.Hour) // a minute later, from where those ahead are the second
			if n := all.Batches + again.Batches; n != c.want {
				t.Errorf("%d and %d batches are deleted, want %d", all.Batches, again.Batches, c.want)
			}
			postgrestest.CheckLog(t, url)
		})
	}
}

// TestPageOfAClockThatWasAhead: a batch whose time has not come yet is not taken for a young one, which nobody deletes.
func TestPageOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	tinyBatches(t, url, 60)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = committed_at + interval '1 year' WHERE commit_seq <= 30")
	query := event.Query{Feed: true, Limit: 1, MaxBytes: 1 << 20}
	r := newReader(t, url)
	first, err := r.Events(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	query.Cursor, query.Limit = first.Next, 1000
	pgtest.Exec(t, conn, "BEGIN")
	deletedMeanwhile(t, r, conn, query, time.Hour)
}

// TestTheOldestAreReadInOrder: a log has millions of batches, and a step reads no more of them than it may delete.
func TestTheOldestAreReadInOrder(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `INSERT INTO ingot.batches SELECT n, 2 * n, 2 * n + 1, 2, 0, 2 * n, 0, gen_random_uuid(), now() - interval '1 day' + n * interval '1 second', 0, NULL, n % 64 = 0 FROM generate_series(1, 50000) AS n`)
	pgtest.Exec(t, conn, "ANALYZE ingot.batches")
	rows, err := newPruner(t, url).pool.Query(t.Context(), "EXPLAIN "+oldestQuery, time.Now(), time.Hour, stepBatches+1)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if text := strings.Join(plan, "\n"); err != nil || strings.Contains(text, "Sort") || strings.Contains(text, "Seq Scan") || !strings.Contains(text, "Limit") {
		t.Errorf("%v\n%s", err, text)
	}
}
