package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestARestoreThatIsNotDone is read, written and deleted from by nobody: the log is there before the events are,
// and whoever followed it would pass over what is still to come. Keys come last.
func TestARestoreThatIsNotDone(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{
		"ingot.events DROP CONSTRAINT events_pkey",
		"ingot.batches DROP CONSTRAINT batches_pkey",
		"ingot.batches DROP CONSTRAINT batches_first_id_key",
		"ingot.topics DROP CONSTRAINT topics_pkey",
		"ingot.subscriptions DROP CONSTRAINT subscriptions_pkey",
	} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			filled(t, url, 20)
			pgtest.Exec(t, conn, "DELETE FROM ingot.events WHERE id > 5; ALTER TABLE "+missing)
			_, opened := postgres.Open(t.Context(), url)
			_, read := newReader(t, url).Events(t.Context(), event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20})
			listed := list(t.Context(), newSubscriptions(t, url))
			_, pruned := newPruner(t, url).Prune(t.Context(), time.Hour)
			wrote := newWriter(t, url, writer.PathAuto).Ready(t.Context(), time.Minute)
			for who, err := range map[string]error{"Open": opened, "a page": read, "subscriptions": listed, "retention": pruned, "a session": wrote} {
				if err == nil || !strings.Contains(err.Error(), "an unfinished or failed restore") {
					t.Errorf("%s: %v", who, err)
				}
			}
			if v, err := postgres.Verify(t.Context(), url); err != nil || !strings.Contains(strings.Join(v.Broken, "\n"), "an unfinished or failed restore") {
				t.Errorf("verify: %v, %v", v.Broken, err)
			}
		})
	}
}

// TestOpenSaysWhatARestoreLeft: tables without rows, and tables of whoever ran it.
func TestOpenSaysWhatARestoreLeft(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "DELETE FROM ingot.schema_version")
	if _, err := postgres.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), "during a restore") {
		t.Errorf("without rows: %v", err)
	}
	role := "stranger_" + conn.Config().Database
	pgtest.Exec(t, conn, "CREATE ROLE "+pgx.Identifier{role}.Sanitize())
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP ROLE "+pgx.Identifier{role}.Sanitize()) })
	_, opened := postgres.Open(t.Context(), url+"&role="+role)
	_, verified := postgres.Verify(t.Context(), url+"&role="+role)
	for who, err := range map[string]error{"Open": opened, "verify": verified} {
		if err == nil || !strings.Contains(err.Error(), "after a restore, whoever ran it") {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// TestFirstStartOfAStranger: what is missing is not a right to the schema, which is not there.
func TestFirstStartOfAStranger(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	conn := pgtest.Client(t, url)
	role := "first_" + conn.Config().Database
	pgtest.Exec(t, conn, "CREATE ROLE "+pgx.Identifier{role}.Sanitize())
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP ROLE "+pgx.Identifier{role}.Sanitize()) })
	if _, err := postgres.Open(t.Context(), url+"&role="+role); err == nil || !strings.Contains(err.Error(), "GRANT CREATE ON DATABASE") || strings.Contains(err.Error(), "after a restore") {
		t.Errorf("%v", err)
	}
}

// TestRestoreBeneathASession: a connection that outlives a restore into the same database has a block of ids that
// are taken by then. It writes none of them: readers would take one batch's rows for another's.
func TestRestoreBeneathASession(t *testing.T) {
	t.Parallel()
	for _, path := range []writer.Path{writer.PathStaged, writer.PathDirect} {
		t.Run(string(path), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			w := newWriter(t, url, path)
			storetest.Merge(t, w, "forgotten")
			pgtest.Exec(t, pgtest.Client(t, url), "TRUNCATE ingot.events, ingot.batches, ingot.topics; SELECT setval('ingot.id_blocks', 1, false)")
			storetest.Merge(t, newWriter(t, url, writer.PathAuto), "1", "2", "3")
			var notStored *event.NotStoredError
			if _, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("4")}, func() {}); !errors.As(err, &notStored) || !strings.Contains(err.Error(), "restore") {
				t.Errorf("with ids that are taken: %v", err)
			}
			storetest.Merge(t, w, "4")
			storetest.Merge(t, w, "5", "6")
			for _, q := range []event.Query{{Feed: true}, {Feed: true, Topics: []string{"t"}}, {}} {
				q.Limit = 2
				if got := storetest.Walk(t, newReader(t, url), q); len(got) != 6 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 6 {
					t.Errorf("%+v: %v", q, got)
				}
			}
			postgrestest.CheckLog(t, url)
		})
	}
}

// TestAVoidRowHidesNoTakenIDs: the batch whose ids are taken is not the one before in the order of ids, where a fence has left its
// row between them.
func TestAVoidRowHidesNoTakenIDs(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	w := newWriter(t, url, writer.PathAuto)
	storetest.Merge(t, w, "forgotten", "too")
	pgtest.Exec(t, conn, "TRUNCATE ingot.events, ingot.batches, ingot.topics; SELECT setval('ingot.id_blocks', 1, false)")
	storetest.Merge(t, newWriter(t, url, writer.PathAuto), "1", "2", "3", "4")
	pgtest.Exec(t, conn, `INSERT INTO ingot.batches
		SELECT 2, first_id + 1, first_id, 0, 0, total_received, total_stored, gen_random_uuid(), now() FROM ingot.batches`)
	if _, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("5")}, func() {}); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("with ids that are taken: %v", err)
	}
	storetest.Merge(t, w, "5")
	postgrestest.CheckLog(t, url)
}
