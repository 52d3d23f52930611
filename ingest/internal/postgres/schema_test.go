package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot"
	"ingot/internal/pgtest"
)

// TestOpenTogether: many processes start at once on an empty database.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	var starts sync.WaitGroup
	for range 8 {
		starts.Go(func() {
			if _, err := Open(context.Background(), url); err != nil {
				t.Errorf("Open: %v", err)
			}
		})
	}
	starts.Wait()
	conn := pgtest.Client(t, url)
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.schema_version"); n != 1 {
		t.Errorf("%d rows in schema_version, want 1", n)
	}
}

// TestOpenDoesNotWaitForEver: a migration may take minutes, or hang. Who waits for it can say so, and ends it.
func TestOpenDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	other := pgtest.Client(t, url)
	pgtest.Exec(t, other, fmt.Sprintf("SELECT pg_advisory_lock(%d)", migrationLock))
	if _, err := Open(t.Context(), url); err == nil || !NotUpYet(err) || !strings.Contains(err.Error(), "migrating the schema") {
		t.Errorf("Open behind another's migration: %v; want an error of NotUpYet that says what is waited for", err)
	}
	pgtest.Exec(t, other, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", migrationLock))
	if _, err := Open(t.Context(), url); err != nil {
		t.Errorf("Open once that is done: %v", err)
	}
}

// TestOpenWhateverTheDatabaseHas: sessions of this database may only read, and for no time to speak of. The schema is made
// once they may write, and what takes long is waited for: another's migration, and a lock in the way of Verify.
func TestOpenWhateverTheDatabaseHas(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	other := pgtest.Client(t, url)
	database := "ALTER DATABASE " + pgx.Identifier{other.Config().Database}.Sanitize()
	pgtest.Exec(t, other, database+" SET statement_timeout = '1s'; "+database+" SET default_transaction_read_only = on")
	if _, err := Open(t.Context(), url); !NotUpYet(err) || !errors.Is(err, ErrReadOnly) {
		t.Errorf("open with the brake on: %v", err)
	}
	pgtest.Exec(t, other, database+" RESET default_transaction_read_only")
	holding := func(lock string, do func() error) error {
		pgtest.Exec(t, other, "BEGIN; "+lock)
		let := make(chan struct{})
		time.AfterFunc(2*time.Second, func() { // awaited below
			defer close(let)
			pgtest.Exec(t, other, "COMMIT")
		})
		defer func() { <-let }()
		return do()
	}
	open := func() error { _, err := Open(t.Context(), url); return err }
	if err := holding(fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", migrationLock), open); err != nil {
		t.Errorf("open: %v", err)
	}
	pgtest.Exec(t, other, database+" SET default_transaction_read_only = on")
	if err := open(); err != nil {
		t.Errorf("open where there is nothing to write: %v", err)
	}
	pgtest.Exec(t, other, "SET default_transaction_read_only = off")
	verify := func() error { _, err := Verify(t.Context(), url); return err }
	if err := holding("LOCK ingot.events", verify); err != nil {
		t.Errorf("verify: %v", err)
	}
}

// TestAStartThatStandsStill does not keep others from starting for ever, whatever the database has for its sessions.
func TestAStartThatStandsStill(t *testing.T) {
	t.Parallel()
	conn, err := Connect(t.Context(), pgtest.New(t), setupOpen, unansweredDefault, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer Discard(conn)
	const setting = "SELECT setting::bigint / 1000 FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
	if seconds, err := QueryNumber(t.Context(), conn, setting); err != nil || seconds != int64(unansweredDefault.Seconds()) {
		t.Errorf("its locks are held for %d s: %v", seconds, err)
	}
}

// TestAMigrationDoesNotWaitForEver for a table that somebody's transaction holds: whoever writes waits behind it.
func TestAMigrationDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	makeVersion1(t, pgtest.Client(t, url))
	other, err := pgtest.Client(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, other.Conn(), "SELECT FROM ingot.batches")
	ctx, cancel := context.WithTimeout(t.Context(), 6*migrationWait)
	defer cancel()
	if _, err := Open(ctx, url); err == nil || !NotUpYet(err) || !strings.Contains(err.Error(), "another transaction has been blocking it") {
		t.Errorf("Open behind a transaction that holds a table: %v; want an error of NotUpYet that says what is waited for", err)
	}
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), url); err != nil {
		t.Errorf("Open once that is over: %v", err)
	}
}

// makeVersion1 makes the oldest schema, frozen in testdata.
func makeVersion1(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	v1, err := os.ReadFile("testdata/schema_v1.sql")
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, conn, string(v1)+"INSERT INTO ingot.schema_version (version) VALUES (1)")
}

// TestOnlyTheOwnerMigrates: a role that may not is told who has to, not to be granted what would not help.
func TestOnlyTheOwnerMigrates(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	conn := pgtest.Client(t, url)
	makeVersion1(t, conn)
	role := "plain_" + conn.Config().Database
	pgtest.Exec(t, conn, "CREATE ROLE "+role)
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	pgtest.Exec(t, conn, "GRANT USAGE ON SCHEMA ingot TO "+role+"; GRANT SELECT ON ALL TABLES IN SCHEMA ingot TO "+role)
	_, err := Open(t.Context(), url+"&role="+role)
	if err == nil || NotUpYet(err) || !strings.Contains(err.Error(), "start this version once as the owner of the schema ingot") || strings.Contains(err.Error(), "must grant") {
		t.Errorf("a migration by a role that owns nothing: %v", err)
	}
}

// TestAMigrationIsTold before it begins: it may take minutes. A schema that is new, or up to date, is not migrated.
func TestAMigrationIsTold(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	makeVersion1(t, pgtest.Client(t, url))
	told := []int{}
	tell := func(from int) { told = append(told, from) }
	for _, at := range []string{url, url, pgtest.New(t)} {
		if _, err := OpenTelling(t.Context(), at, tell); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(told, []int{1}); diff != "" {
		t.Errorf("told: %s", diff)
	}
}

// TestOldTablesAreLeftAlone: the service that Ingot replaces had a public.events.
func TestOldTablesAreLeftAlone(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "CREATE TABLE public.events (id serial, topic text); INSERT INTO public.events (topic) VALUES ('old')")
	if _, err := Open(context.Background(), url); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM public.events"); n != 1 {
		t.Errorf("%d rows in the old table", n)
	}
}

func TestForeignSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	pgtest.Exec(t, pgtest.Client(t, url), "CREATE SCHEMA ingot")
	if _, err := Open(context.Background(), url); err == nil || !strings.Contains(err.Error(), "that is not Ingot's") {
		t.Errorf("a schema that is not ours: %v", err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := database(t)
	pgtest.Exec(t, pgtest.Client(t, url), "INSERT INTO ingot.schema_version (version) VALUES (999)")
	if _, err := Open(context.Background(), url); err == nil {
		t.Error("a schema from the future was taken")
	}
}

func TestNotUTF8IsRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	conn := pgtest.Client(t, url)
	name := conn.Config().Database + "_latin1"
	pgtest.Exec(t, conn, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP DATABASE "+name+" WITH (FORCE)") })
	config := conn.Config().Copy()
	_, err := Open(context.Background(), "host="+config.Host+" user="+config.User+" dbname="+name)
	if err == nil {
		t.Error("a LATIN1 database was taken")
	}
}

// TestRoadsToTheSameSchema: version 1 and the migrations lead
// to what schema.sql makes at once.
func TestRoadsToTheSameSchema(t *testing.T) {
	t.Parallel()
	old := pgtest.New(t)
	makeVersion1(t, pgtest.Client(t, old))
	for range 2 { // the second time there is nothing to do
		if _, err := Open(context.Background(), old); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(describe(t, old), describe(t, database(t))); diff != "" {
		t.Errorf("migrations and schema.sql differ: %s", diff)
	}
}

// TestMigrationBesideAWriter: an ingester of an older version that holds the log's lock and goes on to
// its table deadlocks with a migration that has come between. The migration is tried again.
func TestMigrationBesideAWriter(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	conn, writer := pgtest.Client(t, url), pgtest.Client(t, url)
	makeVersion1(t, conn)
	tx, err := writer.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, writer, "SET LOCAL deadlock_timeout = '1h'") // the other side is chosen
	pgtest.Exec(t, writer, "SELECT pg_advisory_xact_lock($1)", int64(LogLock))
	opened := make(chan error, 1)
	go func() { // ends with Open, awaited below
		_, err := Open(t.Context(), url)
		opened <- err
	}()
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT granted", 1)
	pgtest.Exec(t, writer, "SELECT FROM ingot.batches")
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// describe lists columns with their defaults, indexes, constraints, sequences, options and comments.
func describe(t *testing.T, url string) []string {
	t.Helper()
	rows, err := pgtest.Client(t, url).Query(context.Background(), `
		SELECT format('%s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation, pg_get_expr(adbin, adrelid))
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		WHERE c.relnamespace = 'ingot'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL SELECT format('%s %s %s', relname, relkind, reloptions) FROM pg_class WHERE relnamespace = 'ingot'::regnamespace
		UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'ingot'::regnamespace
		UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'ingot'::regnamespace
		UNION ALL SELECT format('%s %s', seqrelid::regclass, to_jsonb(s) - 'seqrelid') FROM pg_sequence AS s
		UNION ALL SELECT format('%s %s %s', objoid::regclass, objsubid, description) FROM pg_description JOIN pg_class c ON c.oid = objoid AND classoid = 'pg_class'::regclass WHERE c.relnamespace = 'ingot'::regnamespace
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestScriptFrom(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"migrations/002_x.sql": {Data: []byte("A;\n")}}
	if got, err := scriptFrom(ingot.SchemaVersion, files); got != "" || err != nil {
		t.Errorf("nothing to do: %q %v", got, err)
	}
	if got, err := migration(2, files); got != "A;\n" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if _, err := migration(3, files); err == nil {
		t.Error("a missing migration was passed over")
	}
}
