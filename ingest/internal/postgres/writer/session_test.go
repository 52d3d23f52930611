package writer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestOldConnectionsAreReplaced on either path, and when what is on its way over them is answered.
// A new one finds a moved server, and readers rely on how late ids of a block may come.
func TestOldConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	grownOld := func() *session {
		w.session.opened = w.session.opened.Add(-postgres.SessionLifetime)
		return w.session
	}
	for _, path := range []Path{PathStaged, PathDirect} {
		old := grownOld()
		w.choose(func(c *pathChooser) { c.path = path })
		send(t.Context(), w, []bool{false}, string(path)).want(t, true)
		if w.session == old {
			t.Errorf("%s: the old connection is used", path)
		}
	}
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	old := grownOld()
	second := waitsAlone(t, w, event.Batch{Groups: storetest.Groups("b"), Suspects: []bool{false}})
	first.underWay(t)
	release()
	first.want(t, true)
	second.want(t, true)
	if w.session == old {
		t.Error("behind another batch: the old connection is used")
	}
}

// TestContextsThatEndLater do nothing to the connection of a batch that was answered, on either path.
func TestContextsThatEndLater(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	for _, path := range []Path{PathStaged, PathDirect} {
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, fmt.Sprint(path, " is new"))
		first := w.session
		for i := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			send(ctx, w, []bool{false}, fmt.Sprint(path, i)).want(t, true)
			cancel()
		}
		if w.session != first || first.broken.Load() {
			t.Errorf("%s: the connection was given up", path)
		}
	}
}

// TestABatchThatCannotBeSent is certainly not stored, on either path, and is when it comes again.
func TestABatchThatCannotBeSent(t *testing.T) {
	t.Parallel()
	w, _, _ := trusting(t)
	for _, path := range []Path{PathStaged, PathDirect} {
		w.choose(func(c *pathChooser) { c.path = path })
		_ = w.session.conn.Conn().Close() // nobody is told
		batch := send(t.Context(), w, []bool{false}, string(path))
		<-batch.ended
		var notStored *event.NotStoredError
		if !errors.As(batch.err, &notStored) {
			t.Errorf("%s: got %v %v, want not stored", path, batch.stored, batch.err)
		}
		send(t.Context(), w, []bool{false}, string(path)).want(t, true)
	}
}

// TestAConnectionThatIsNotGoodIsClosed: whoever tries again and again leaves none behind.
func TestAConnectionThatIsNotGoodIsClosed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"it cannot be set up":  "ALTER TABLE ingot.batches RENAME TO others",
		"it is not to be used": "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			pgtest.Exec(t, conn, change)
			w := newWriter(t, url)
			for range 3 {
				var notStored *event.NotStoredError
				if err := w.Ready(t.Context(), time.Minute); !errors.As(err, &notStored) {
					t.Errorf("got %v, want not stored", err)
				}
			}
			pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ingot'", 0)
		})
	}
}

// TestPlansOfABatch are what they are, whatever kind of plan somebody has switched off for the database. Without index
// scans none would be left, beside those of scansOnly, but to go through the whole table.
func TestPlansOfABatch(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET enable_indexscan = off")
	pgtest.Exec(t, conn, "INSERT INTO ingot.events SELECT n::text, 't', n + 1e6, 's', now(), now(), '1' FROM generate_series(1, 20000) AS n; ANALYZE ingot.events")
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	results, err := w.session.conn.Exec(t.Context(), "EXPLAIN "+strings.NewReplacer("$1", "'{1,7,12000}'", "$2", "'{t,t,t}'").Replace(lookUpQuery)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for _, line := range results[0].Rows {
		plan = append(plan, string(line[0]))
	}
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "using events_pkey") || !strings.Contains(text, "Index Cond") {
		t.Errorf("keys are not looked up by the index:\n%s", text)
	}
}
