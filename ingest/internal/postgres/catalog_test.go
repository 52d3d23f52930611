package postgres_test

import (
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

// TestNobodysFunctionsAreCalled: what others have made in public would run with the rights of the ingester's role. Some of
// it fits what Ingot says better than Postgres' own, some wants to be looked for first. All of it fails who calls it.
func TestNobodysFunctionsAreCalled(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"they fit better": `"$user", public`, "they come first": "public, pg_catalog"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.New(t)
			makeTraps(t, pgtest.Client(t, url), path)
			callEverything(t, url)
		})
	}
}

func makeTraps(t *testing.T, conn *pgx.Conn, path string) {
	t.Helper()
	for function, returns := range map[string]string{
		"pg_relation_size (text)":          "bigint", // the catalog's want a regclass, as that of nextval
		"nextval (text)":                   "bigint",
		"same_table (oid, regclass)":       "boolean",
		"now ()":                           "timestamptz",
		"clock_timestamp ()":               "timestamptz",
		"current_setting (text)":           "text",
		"set_config (text, text, boolean)": "text",
		"hashtextextended (text, bigint)":  "bigint",
		"convert_from (bytea, name)":       "text",
		"pg_advisory_xact_lock (bigint)":   "void",
	} {
		pgtest.Exec(t, conn, "CREATE FUNCTION public."+function+" RETURNS "+returns+" LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trap was called'; END $$")
	}
	pgtest.Exec(t, conn, "CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.same_table)")
	pgtest.Exec(t, conn, "CREATE TABLE public.pg_stat_activity (pid integer, backend_start timestamptz)")
	pgtest.Exec(t, conn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = "+path+"', current_database()); END $$")
}

// callEverything runs each kind of statement once.
func callEverything(t *testing.T, url string) {
	t.Helper()
	if _, err := postgres.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	for _, path := range []writer.Path{writer.PathStaged, writer.PathDirect} {
		storetest.Merge(t, newWriter(t, url, path), "by "+string(path))
	}
	r := newReader(t, url)
	for _, query := range []event.Query{{Feed: true}, {Topics: []string{"t"}}, {Since: time.Now()}} {
		query.Limit, query.MaxBytes = 10, 1<<20
		if _, err := r.Events(t.Context(), query); err != nil {
			t.Errorf("%+v: %v", query, err)
		}
	}
	if _, err := newSubscriptions(t, url).Create(t.Context(), event.Subscription{Name: "a", After: "beginning"}); err != nil {
		t.Error(err)
	}
	if _, err := newPruner(t, url).Prune(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
	postgrestest.CheckLog(t, url)
}
