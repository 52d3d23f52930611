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
		"CREATE RULE nobody AS ON DELETE TO ingot.batches DO INSTEAD NOTHING; ALTER TABLE ingot.events SET UNLOGGED",
		"DROP TRIGGER look ON ingot.events; DROP RULE nobody ON ingot.batches; ALTER TABLE ingot.events SET LOGGED",
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
	for _, entry := range logged.FilterMessage("somebody has changed the tables: answers may not be true").All() {
		told = append(told, entry.ContextMap()["changed"])
	}
	want := []any{
		[]any{"trigger look on ingot.events"},
		[]any{"ingot.events is unlogged", "rule nobody on ingot.batches", "trigger look on ingot.events"},
		[]any{"no valid index events_slices"},
		[]any{"constraint once on ingot.events", "constraint small on ingot.events", "no valid index events_slices", "unique index alone on ingot.topics"},
		[]any{"constraint apart on ingot.events", "constraint known on ingot.events", "constraint once on ingot.events", "constraint small on ingot.events", "no valid index events_slices", "unique index alone on ingot.topics"},
	}
	if diff := cmp.Diff(want, told); diff != "" || logged.Len() != len(want) {
		t.Errorf("%d lines: %s", logged.Len(), diff)
	}
}

// TestAddedColumnIsTold if it wants a value, which no event of ours has.
func TestAddedColumnIsTold(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	pgtest.Exec(t, conn, "ALTER TABLE ingot.events ADD COLUMN a text, ADD COLUMN b text NOT NULL DEFAULT '', ADD COLUMN c int GENERATED ALWAYS AS IDENTITY, ADD COLUMN tenant text NOT NULL")
	changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
	if diff := cmp.Diff([]string{"column tenant of ingot.events wants a value"}, changed); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestOtherTypesAreTold: with them another event is kept than was sent, or keys are compared in another way.
func TestOtherTypesAreTold(t *testing.T) {
	t.Parallel()
	conn := pgtest.Client(t, postgrestest.Database(t))
	pgtest.Exec(t, conn, `ALTER TABLE ingot.events ALTER payload TYPE jsonb USING payload::jsonb, ALTER "timestamp" TYPE timestamptz(0),
		ALTER source TYPE varchar(100), ALTER topic TYPE text COLLATE "POSIX"`)
	changed, err := postgres.ReadTables(t.Context(), conn.PgConn())
	want := []string{
		"column payload of ingot.events is jsonb, not json", "column source of ingot.events is character varying(100), not text",
		"column timestamp of ingot.events is timestamp(0) with time zone, not timestamp with time zone", `column topic of ingot.events is text COLLATE "POSIX", not text COLLATE "C"`,
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
		"DROP SEQUENCE ingot.id_blocks":                                  "", // who draws a block is told
		"DROP SEQUENCE ingot.id_blocks; CREATE SEQUENCE ingot.id_blocks": "the sequence ingot.id_blocks counts by 1: two batches could have the same ids",
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
