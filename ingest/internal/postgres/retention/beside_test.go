package retention

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestPruneBesideWriters: ingesters send the same keys over and over, on both paths, while what
// they write is deleted again at once.
func TestPruneBesideWriters(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	var writing sync.WaitGroup
	for n := range 3 {
		w := writer.New(url, []writer.Path{writer.PathStaged, writer.PathDirect, writer.PathAuto}[n], testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		writing.Go(func() {
			for b := range 150 {
				if b%5 == n {
					w.Close() // the next connection's first batch folds
				}
				groups := storetest.Groups(fmt.Sprint(b%11), fmt.Sprint(b%13+n), fmt.Sprint(n, "-", b), fmt.Sprint(b%17))
				for i := range groups[0].Events {
					groups[0].Events[i].Topic = fmt.Sprint((b*7 + i*n) % 40)
				}
				if _, err := w.Merge(context.Background(), event.Batch{Groups: groups, Suspects: []bool{true, b%2 == 0, false, b%3 == 0}}, func() {}); err != nil {
					t.Errorf("writer %d: %v", n, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	p, batches := newPruner(t, url), int64(0)
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		batches += pruned(t, p, 0).Batches
	}
	if batches == 0 {
		t.Error("nothing was deleted")
	}
	if v := postgrestest.CheckLog(t, url); v.Received != 3*150*4 {
		t.Errorf("%+v", v)
	}
	storetest.Merge(t, newWriter(t, url), "last")
	pruned(t, p, 0)
	if v := postgrestest.CheckLog(t, url); v.Batches != 1 || v.Events != 1 {
		t.Errorf("at the end %+v", v)
	}
}

// TestOnePrunerAtATime, of all instances.
func TestOnePrunerAtATime(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 20)
	p, conn := newPruner(t, url), pgtest.Client(t, url)
	pgtest.Exec(t, conn, "SELECT pg_advisory_lock($1)", int64(postgres.PruneLock))
	if all := pruned(t, p, 0); all != (Pruned{}) {
		t.Errorf("beside another: %+v", all)
	}
	pgtest.Exec(t, conn, "SELECT pg_advisory_unlock($1)", int64(postgres.PruneLock))
	if all := pruned(t, p, 0); all.Batches == 0 {
		t.Errorf("after it: %+v", all)
	}
}

// TestPruneByBothClocks: a database whose clock has jumped ahead loses nothing.
func TestPruneByBothClocks(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	storetest.Merge(t, newWriter(t, url), "a")
	storetest.Merge(t, newWriter(t, url), "b")
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 year' $$`)
	p := newPruner(t, url)
	pgtest.Shadow(t, p.pool.Pool)
	if all := pruned(t, p, time.Hour); all != (Pruned{}) {
		t.Errorf("deleted %+v", all)
	}
	pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = committed_at - interval '2 hours'")
	if all := pruned(t, p, time.Hour); all.Batches != 1 {
		t.Errorf("deleted %+v", all)
	}
}

// TestPruneWaitsForFolds before it takes its counts off the same rows.
func TestPruneWaitsForFolds(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 20)
	p, conn := newPruner(t, url), pgtest.Client(t, url)
	log := pgtest.Client(t, url)
	pgtest.Exec(t, log, "BEGIN")
	pgtest.Exec(t, log, "SELECT pg_advisory_xact_lock($1)", int64(postgres.LogLock))
	ended := make(chan error, 1)
	go func() { // ends when the log's lock is let go
		_, err := p.Prune(context.Background(), 0)
		ended <- err
	}()
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 1)
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.batches"); n != 20 {
		t.Errorf("%d batches are left before it", n)
	}
	pgtest.Exec(t, log, "ROLLBACK")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	postgrestest.CheckLog(t, url)
}

// TestAPrunerThatStandsStill between two statements holds the log's lock at none of them, and what else
// it has locked for no longer than a statement may take.
func TestAPrunerThatStandsStill(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 20)
	looks := &lockTracer{t: t, conn: pgtest.Client(t, url)}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.Tracer = looks
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	pgtest.Exec(t, conn, "BEGIN")
	if done, err := prune(t.Context(), conn, 0, stepEvents); err != nil || done.Events == 0 || looks.looked == 0 {
		t.Errorf("%+v, looked %d times; %v", done, looks.looked, err)
	}
	postgrestest.CheckLog(t, url)

	p, err := Open(url, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	postgrestest.StandStill(t, p.pool, postgres.PruneLock)
	pgtest.WaitFor(t, pgtest.Client(t, url), fmt.Sprintf("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %d AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", uint32(postgres.PruneLock&0xffffffff)), 0)
}

// lockTracer looks whether somebody holds the log's lock when a query begins, and when it has ended.
type lockTracer struct {
	t      *testing.T
	conn   *pgx.Conn
	looked int
}

func (l *lockTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	l.look(data.SQL)
	return ctx
}

func (l *lockTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {
	l.look("the end of one")
}

func (l *lockTracer) look(at string) {
	l.looked++
	if pgtest.Number(l.t, l.conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", int64(postgres.LogLock&0xffffffff)) != 0 {
		l.t.Errorf("the log's lock is held at %s", at)
	}
}
