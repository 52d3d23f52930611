package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestWithoutAPrimaryKey nothing is written: COPY would store every copy of an event.
func TestWithoutAPrimaryKey(t *testing.T) {
	t.Parallel()
	for name, ddl := range map[string]string{
		"none":      "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey",
		"another":   "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (event_id, topic, id)",
		"at COMMIT": "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (event_id, topic) DEFERRABLE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			pgtest.Exec(t, pgtest.Client(t, url), ddl)
			w := newWriter(t, url, writer.PathDirect)
			var notStored *event.NotStoredError
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {}); !errors.As(err, &notStored) {
				t.Errorf("got %v %v, want not stored", stored, err)
			}
		})
	}
}

// TestKeysThatDecideNothing: only a unique index that is valid, of all rows, and checked at once decides which events are
// new. Who made it, and under which name, is all the same.
func TestKeysThatDecideNothing(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	const drop = "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey; "
	for name, c := range map[string]struct {
		ddl  string
		good bool
	}{
		"another":      {drop + "CREATE UNIQUE INDEX another ON ingot.events (event_id, topic)", true},
		"not unique":   {drop + "CREATE INDEX another ON ingot.events (event_id, topic)", false},
		"of some rows": {drop + "CREATE UNIQUE INDEX another ON ingot.events (event_id, topic) WHERE id > 0", false},
		"of more":      {drop + "CREATE UNIQUE INDEX another ON ingot.events (event_id, topic, id)", false},
		"of less":      {drop + "CREATE UNIQUE INDEX another ON ingot.events (event_id)", false},
		"of a copy":    {drop + "CREATE TABLE ingot.copied (event_id text, topic text, UNIQUE (event_id, topic))", false},
		"at COMMIT":    {drop + "ALTER TABLE ingot.events ADD UNIQUE (event_id, topic) DEFERRABLE", false},
		"not valid":    {"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ingot.events_pkey'::regclass", false},
		"two numbers":  {"ALTER TABLE ingot.batches DROP CONSTRAINT batches_first_id_key, DROP CONSTRAINT batches_pkey, ADD UNIQUE (commit_seq, first_id)", false},
	} {
		pgtest.Exec(t, conn, "BEGIN; "+c.ddl)
		changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "has no valid unique key") {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		pgtest.Exec(t, conn, "ROLLBACK")
	}
}

// TestWhatIsToldOfTheTables: each of them, and nothing that does nothing.
func TestWhatIsToldOfTheTables(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	const look = `CREATE FUNCTION ingot.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
		CREATE TRIGGER look BEFORE UPDATE ON ingot.topics FOR EACH ROW EXECUTE FUNCTION ingot.look(); `
	for ddl, want := range map[string][]string{
		look: {"trigger look on ingot.topics"},
		look + "ALTER TABLE ingot.topics DISABLE TRIGGER look":                                                                           nil,
		"CREATE RULE nobody AS ON DELETE TO ingot.topics DO INSTEAD NOTHING":                                                             {"rule nobody on ingot.topics"},
		"ALTER TABLE ingot.batches ADD CONSTRAINT small CHECK (received < 9)":                                                            {"constraint small on ingot.batches"},
		"ALTER TABLE ingot.events ADD COLUMN gone text NOT NULL; ALTER TABLE ingot.events DROP COLUMN gone":                              nil,
		"ALTER TABLE ingot.topics RENAME TO plain; CREATE TABLE ingot.topics (LIKE ingot.plain INCLUDING ALL) PARTITION BY HASH (topic)": {"ingot.topics is partitioned"},
		"CREATE INDEX slow ON ingot.events (source)":                                                                                     nil,
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ingot.events_slices'::regclass":                                      {"no valid index events_slices"},
		"DROP INDEX ingot.events_slices; CREATE INDEX events_slices ON ingot.topics (events)":                                            {"no valid index events_slices"},
		"CREATE UNIQUE INDEX twice ON ingot.batches (last_id)":                                                                           {"unique index twice on ingot.batches"},
		"ALTER TABLE ingot.subscriptions ADD CONSTRAINT few CHECK (id > 0)":                                                              nil, // batches do not need it
		"CREATE TABLE ingot.others (id bigint UNIQUE CHECK (id > 0), known text REFERENCES ingot.topics)":                                nil,
		"CREATE SCHEMA other; CREATE UNLOGGED TABLE other.events (LIKE ingot.events); SET search_path = other":                           nil,
	} {
		pgtest.Exec(t, conn, "BEGIN; "+ddl)
		changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
		if diff := cmp.Diff(want, changed); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", ddl, err, diff)
		}
		pgtest.Exec(t, conn, "ROLLBACK")
	}
}

// TestWhatKeepsRowsOutIsRefused, and how to do away with it is told.
func TestWhatKeepsRowsOutIsRefused(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	const none = `CREATE FUNCTION ingot.none() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; `
	for ddl, want := range map[string]string{
		`CREATE RULE "No One" AS ON INSERT TO ingot.events DO INSTEAD NOTHING`:                                                                                 `DROP RULE "No One" ON ingot.events`,
		"CREATE RULE nobody AS ON INSERT TO ingot.batches DO ALSO NOTHING":                                                                                     "DROP RULE nobody ON ingot.batches",
		"CREATE RULE nobody AS ON UPDATE TO ingot.topics DO INSTEAD NOTHING":                                                                                   "DROP RULE nobody ON ingot.topics",
		"CREATE RULE nobody AS ON UPDATE TO ingot.topics DO INSTEAD NOTHING; ALTER TABLE ingot.topics DISABLE RULE nobody":                                     "",
		none + "CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.none()":                                       "DROP TRIGGER keep ON ingot.batches",
		none + "CREATE TRIGGER keep BEFORE INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.none(); ALTER TABLE ingot.batches DISABLE TRIGGER keep": "",
		none + "CREATE TRIGGER keep BEFORE INSERT ON ingot.batches FOR EACH STATEMENT EXECUTE FUNCTION ingot.none()":                                           "",
		none + "CREATE TRIGGER keep BEFORE UPDATE ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.none()":                                                 "",
		none + "CREATE TRIGGER keep AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.none()":                                                  "",
		none + "CREATE TRIGGER keep BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.none()":                                                  "", // the writer sees what it does
	} {
		pgtest.Exec(t, conn, "BEGIN; "+ddl)
		_, err := postgres.ReadTables(t.Context(), conn.PgConn())
		if (err != nil) != (want != "") || err != nil && !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%s: %v, want %q", ddl, err, want)
		}
		pgtest.Exec(t, conn, "ROLLBACK")
	}
}

// TestTablesWithHeirsAreRefused: the key of a row that was moved into an heir would be new, while readers see that row.
func TestTablesWithHeirsAreRefused(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	for _, ddl := range []string{
		"CREATE TABLE public.heir () INHERITS (ingot.events)",
		"CREATE TABLE public.heir (LIKE ingot.events); ALTER TABLE public.heir INHERIT ingot.events",
		"CREATE TABLE public.heir () INHERITS (ingot.batches)",
		"CREATE TABLE public.old (id bigint); ALTER TABLE ingot.events INHERIT public.old",
	} {
		pgtest.Exec(t, conn, "BEGIN; SET LOCAL search_path = pg_catalog; "+ddl)
		_, err := postgres.ReadTables(t.Context(), conn.PgConn())
		parent := ddl[strings.LastIndex(ddl, "ingot."):]
		want := "ALTER TABLE public.heir NO INHERIT " + strings.TrimSuffix(parent, ")")
		if strings.Contains(ddl, "public.old") {
			want = "<nil>"
		}
		if !strings.HasSuffix(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %s", ddl, err, want)
		}
		pgtest.Exec(t, conn, "ROLLBACK")
	}
}

// TestUnloggedTablesAreUnsafe: after a crash they are empty.
func TestUnloggedTablesAreUnsafe(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	for _, c := range []struct{ ddl, want string }{
		{"SELECT", ""},
		{"CREATE UNLOGGED TABLE public.events (id int)", ""},
		{"ALTER TABLE ingot.topics SET UNLOGGED; ALTER TABLE ingot.batches SET UNLOGGED", "ingot.batches, ingot.topics"},
		{"ALTER TABLE ingot.events SET UNLOGGED; ALTER TABLE ingot.subscriptions SET UNLOGGED", "ingot.batches, ingot.events, ingot.subscriptions, ingot.topics"},
	} {
		pgtest.Exec(t, conn, c.ddl)
		d, err := postgres.Open(t.Context(), url)
		if d.Unlogged != c.want || err != nil {
			t.Errorf("%s: %q are unlogged, %v; want %q", c.ddl, d.Unlogged, err, c.want)
		}
		d.Fsync, d.FullPageWrites, d.SynchronousCommit = "on", "on", "on"
		if d.Safe() != (c.want == "") {
			t.Errorf("%s: safe: %v", c.ddl, d.Safe())
		}
	}
}

// TestChangedTablesAreTold once, each time that they have changed, and are written to all the same.
func TestChangedTablesAreTold(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	core, logged := observer.New(zap.WarnLevel)
	w := writer.New(url, writer.PathAuto, testTimeouts, uuid.New(), zap.New(core))
	t.Cleanup(w.Close)
	for i, ddl := range []string{
		"SELECT",
		`CREATE FUNCTION ingot.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
			CREATE TRIGGER look BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.look()`,
		"SELECT",
		"CREATE RULE nobody AS ON DELETE TO ingot.batches DO INSTEAD NOTHING",
		"DROP TRIGGER look ON ingot.events; DROP RULE nobody ON ingot.batches",
		"DROP INDEX ingot.events_slices",
		"ALTER TABLE ingot.events ADD CONSTRAINT small CHECK (id > 0), ADD CONSTRAINT once UNIQUE (id); CREATE UNIQUE INDEX alone ON ingot.topics (events)",
		`CREATE TABLE public.known (source text PRIMARY KEY); INSERT INTO public.known VALUES ('s');
			ALTER TABLE ingot.events ADD CONSTRAINT known FOREIGN KEY (source) REFERENCES public.known, ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =)`,
	} {
		pgtest.Exec(t, conn, ddl)
		w.Close()
		storetest.Merge(t, w, fmt.Sprint(i))
	}
	var told []any
	for _, entry := range logged.FilterMessage("the tables have been altered: answers may be wrong").All() {
		told = append(told, entry.ContextMap()["changed"])
	}
	want := []any{
		[]any{"trigger look on ingot.events"},
		[]any{"rule nobody on ingot.batches", "trigger look on ingot.events"},
		[]any{"no valid index events_slices"},
		[]any{"constraint once on ingot.events", "constraint small on ingot.events", "no valid index events_slices", "unique index alone on ingot.topics"},
		[]any{"constraint apart on ingot.events", "constraint known on ingot.events", "constraint once on ingot.events", "constraint small on ingot.events", "no valid index events_slices", "unique index alone on ingot.topics"},
	}
	if diff := cmp.Diff(want, told); diff != "" || logged.Len() != len(want) {
		t.Errorf("%d lines: %s", logged.Len(), diff)
	}
}

// TestAddedColumnIsTold if it requires a value, which no event of ours has.
func TestAddedColumnIsTold(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	pgtest.Exec(t, conn, "ALTER TABLE ingot.events ADD COLUMN a text, ADD COLUMN b text NOT NULL DEFAULT '', ADD COLUMN c int GENERATED ALWAYS AS IDENTITY, ADD COLUMN tenant text NOT NULL")
	changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
	if diff := cmp.Diff([]string{"column tenant of ingot.events requires a value"}, changed); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestOtherTypesAreTold: with them another event is kept than was sent, or keys are compared in another way.
func TestOtherTypesAreTold(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	pgtest.Exec(t, conn, `DROP INDEX ingot.events_slices; ALTER TABLE ingot.events ALTER payload TYPE jsonb USING payload::jsonb, ALTER "timestamp" TYPE timestamptz(0),
		ALTER source TYPE varchar(100), ALTER topic TYPE text COLLATE "POSIX", ALTER event_id TYPE varchar COLLATE "C", ALTER id TYPE numeric, ALTER received_at TYPE timestamp`)
	changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
	want := []string{
		`column event_id of ingot.events is character varying COLLATE "C", not text COLLATE "C"`, "column id of ingot.events is numeric, not bigint",
		"column payload of ingot.events is jsonb, not json", "column received_at of ingot.events is timestamp without time zone, not timestamp with time zone",
		"column source of ingot.events is character varying(100), not text",
		"column timestamp of ingot.events is timestamp(0) with time zone, not timestamp with time zone", `column topic of ingot.events is text COLLATE "POSIX", not text COLLATE "C"`,
		"no valid index events_slices",
	}
	if diff := cmp.Diff(want, changed); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestBlocksThatMeet are none to write with: two connections would give the same ids to their rows.
func TestBlocksThatMeet(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	for ddl, want := range map[string]string{
		"ALTER SEQUENCE ingot.id_blocks INCREMENT BY 131072":             "",
		"ALTER SEQUENCE ingot.id_blocks INCREMENT BY 65535":              "the sequence ingot.id_blocks has INCREMENT 65535: two batches could get the same ids",
		"DROP SEQUENCE ingot.id_blocks":                                  "", // who draws a block is told
		"DROP SEQUENCE ingot.id_blocks; CREATE SEQUENCE ingot.id_blocks": "the sequence ingot.id_blocks has INCREMENT 1: two batches could get the same ids",
	} {
		pgtest.Exec(t, conn, "BEGIN; "+ddl)
		_, err := postgres.ReadTables(t.Context(), conn.PgConn())
		if said := fmt.Sprint(err); (err != nil) != (want != "") || !strings.Contains(said, want) {
			t.Errorf("%s: %v, want %q", ddl, err, want)
		}
		pgtest.Exec(t, conn, "ROLLBACK")
	}
}

// TestRowSecurityIsTold to whom it holds for: readers would pass over what it hides.
func TestRowSecurityIsTold(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	role := pgx.Identifier{"hidden_from_" + conn.Config().Database}.Sanitize()
	pgtest.Exec(t, conn, "CREATE ROLE "+role)
	t.Cleanup(func() { pgtest.Exec(t, conn, "RESET ROLE; DROP OWNED BY "+role+"; DROP ROLE "+role) })
	always, _ := readmeGrants(t, role)
	pgtest.Exec(t, conn, always)
	pgtest.Exec(t, conn, "ALTER TABLE ingot.events ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON ingot.events USING (topic <> 'secret')")
	for _, c := range []struct {
		as   string
		want []string
	}{{"NONE", nil}, {role, []string{"row security on ingot.events"}}} {
		pgtest.Exec(t, conn, "SET ROLE "+c.as)
		changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
		if diff := cmp.Diff(c.want, changed); diff != "" || err != nil {
			t.Errorf("as %s: %v, %s", c.as, err, diff)
		}
	}
}
