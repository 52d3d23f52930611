package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/retention"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestPageThatIsDeletedWhereTheClockIsBehind: a machine without a clock of its own has 1970 until it is told, and
// would take all batches for young.
func TestPageThatIsDeletedWhereTheClockIsBehind(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 250)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = $1", time.Now())
	pgtest.Exec(t, conn, `CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT pg_catalog.now() + interval '1 year' $$`)
	r, err := Open(url, postgres.PoolConfig{Connections: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	pgtest.Shadow(t, r.pool.Pool)
	query := event.Query{Feed: true, Limit: 1, MaxBytes: 1 << 20}
	first, err := r.Events(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	query.Cursor, query.Limit = first.Next, 1000

	pgtest.Exec(t, conn, "BEGIN")
	pgtest.Exec(t, conn, "LOCK TABLE ingot.events IN ACCESS EXCLUSIVE MODE")
	read := make(chan error, 1)
	go func() { // ends with the lock
		_, err := r.Events(context.Background(), query)
		read <- err
	}()
	pgtest.WaitFor(t, pgtest.Client(t, url), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ingot.events'::regclass", 1)
	pgtest.Exec(t, conn, `DELETE FROM ingot.events AS e USING ingot.batches AS b WHERE b.commit_seq <= 100 AND e.id BETWEEN b.first_id AND b.last_id;
		DELETE FROM ingot.batches WHERE commit_seq <= 100; COMMIT`)
	var c *event.CursorError
	if err := <-read; !errors.As(err, &c) || !c.Gone {
		t.Errorf("got %v", err)
	}
}

// TestPageFromTheBeginThatIsDeletedMeanwhile: it begins where the log does by then, and has no hole; nor is
// somebody told that their place is gone who gave none. Batches are deleted before the n-th query, for each n.
func TestPageFromTheBeginThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]event.Query{"all": {}, "since": {Since: time.Date(2026, 1, 1, 0, 11, 0, 0, time.UTC)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query.Feed, query.Limit, query.MaxBytes = true, 1000, 1<<20
			for at, queries := 1, 2; at < queries; at++ {
				t.Run(fmt.Sprint(at), func(t *testing.T) { queries = pageDeletedAt(t, query, at) }) // closes its connections
			}
		})
	}
}

// pageDeletedAt reads a page, before the query of that number of which all but the newest batches are deleted.
// It returns how many queries there were.
func pageDeletedAt(t *testing.T, query event.Query, at int) (queries int) {
	t.Helper()
	url := postgrestest.Database(t)
	order := filled(t, url, firstLogRows+10)
	storetest.Merge(t, newWriter(t, url), "last") // folds
	order = append(order, "t/last")
	p, err := retention.Open(url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before := &beforeQuery{do: func(n int) {
		if n == at {
			if done, err := p.Prune(context.Background(), time.Since(time.Date(2026, 1, 1, 0, firstLogRows+5, 2, 0, time.UTC))); err != nil || done.Batches == 0 {
				t.Errorf("%+v %v", done, err)
			}
		}
	}}
	r, end := before.reader(t, url)
	defer end()
	page, err := r.Events(t.Context(), query)
	if err != nil || len(page.Events) == 0 {
		t.Fatalf("deleted before query %d: %d events, %v", at, len(page.Events), err)
	}
	first := slices.Index(order, page.Events[0].Topic+"/"+page.Events[0].Event.ID)
	for i, e := range page.Events {
		if key := e.Topic + "/" + e.Event.ID; key != order[first+i] {
			t.Fatalf("deleted before query %d: event %d is %s, want %s", at, i, key, order[first+i])
		}
	}
	return before.n
}

// beforeQuery does something before each query.
type beforeQuery struct {
	n  int
	do func(n int)
}

// reader is one whose queries are waited for so, until it is ended.
func (b *beforeQuery) reader(t *testing.T, url string) (r *Reader, end func()) {
	t.Helper()
	config := newReader(t, url).pool.Config()
	config.ConnConfig.Tracer = b
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return &Reader{pool: &postgres.Pool{Pool: traced}, pages: make(chan struct{}, 1)}, traced.Close
}

func (b *beforeQuery) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	b.n++
	b.do(b.n)
	return ctx
}

func (b *beforeQuery) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
