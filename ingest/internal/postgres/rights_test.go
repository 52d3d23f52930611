package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

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

// readmeGrants are the statements that README.md gives for a role that runs the server: what it always
// needs, and what --retention wants besides.
func readmeGrants(t *testing.T, role string) (always, retention string) {
	t.Helper()
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch grants := strings.ReplaceAll(line, " TO app;", " TO "+role+";"); {
		case !strings.HasPrefix(line, "    GRANT "):
		case strings.HasSuffix(line, "-- for --retention\n"):
			retention += grants
		default:
			always += grants
		}
	}
	if always == "" || retention == "" {
		t.Fatalf("README.md grants %q always, and %q for --retention", always, retention)
	}
	return always, retention
}

// leastRole makes a role that runs the server with what the README says it needs, and returns its name, a URL that acts
// for it, and what --retention wants besides.
func leastRole(t *testing.T, owner string, conn *pgx.Conn) (role, least, retention string) {
	t.Helper()
	role = "least_" + conn.Config().Database
	pgtest.Exec(t, conn, "CREATE ROLE "+role)
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	always, retention := readmeGrants(t, role)
	pgtest.Exec(t, conn, always)
	as, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	q := as.Query()
	q.Set("role", role)
	as.RawQuery = q.Encode()
	return role, as.String(), retention
}

// TestLeastRights: what the README says a role needs is enough for all that a server does, and each of these rights is needed.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	owner := postgrestest.Database(t)
	conn := pgtest.Client(t, owner)
	pgtest.Exec(t, conn, "REVOKE TEMP ON DATABASE "+conn.Config().Database+" FROM PUBLIC")
	pgtest.Exec(t, conn, endsOnce)
	role, least, retention := leastRole(t, owner, conn)
	if n := pgtest.Number(t, pgtest.Client(t, least), "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolname LIKE 'least_%' AND NOT rolsuper AND NOT has_database_privilege(current_database(), 'TEMP')"); n != 1 {
		t.Fatal("not that role")
	}
	if err := serve(t, least, "before"); err == nil || !strings.Contains(err.Error(), "GRANT DELETE ON ingot.events, ingot.batches, ingot.topics") {
		t.Errorf("to delete what is old wants more, and is told so before anything is: %v", err)
	}
	pgtest.Exec(t, conn, retention)
	if err := serve(t, least, "with all"); err != nil {
		t.Error(err)
	}
	rights := rightsOf(t, conn, role)
	if len(rights) < 16 {
		t.Errorf("only %v", rights)
	}
	for _, right := range rights {
		pgtest.Exec(t, conn, "REVOKE "+right+" FROM "+role)
		if err := serve(t, least, right); err == nil {
			t.Errorf("%s is not needed", right)
		}
		pgtest.Exec(t, conn, "GRANT "+right+" TO "+role)
	}
}

// rightsOf lists the rights of a role on the tables, such as "SELECT ON ingot.events", and on the schema and its sequence.
func rightsOf(t *testing.T, conn *pgx.Conn, role string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT privilege_type || ' ON ' || kind || what FROM (
		SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END AS kind, oid::regclass::text AS what, relacl AS acl FROM pg_class WHERE relnamespace = 'ingot'::regnamespace
		UNION ALL SELECT 'SCHEMA ', nspname, nspacl FROM pg_namespace) AS things, aclexplode(acl) WHERE grantee = $1::regrole ORDER BY 1`, role)
	if err != nil {
		t.Fatal(err)
	}
	rights, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return rights
}

// endsOnce is a trigger that ends the connection of the first who commits an event of the topic "doubt", and of every other
// one after that: nobody is told what became of the batch. It runs with the rights of whoever made it.
const endsOnce = `CREATE SEQUENCE public.commits;
	CREATE FUNCTION public.end_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
		IF nextval('public.commits') % 2 = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5); END IF;
		RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER end_once AFTER INSERT ON ingot.events DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (NEW.topic = 'doubt') EXECUTE FUNCTION public.end_once()`

// serve does what a server does, with events of that name, up to the first error.
func serve(t *testing.T, url, name string) error {
	t.Helper()
	if _, err := postgres.Open(t.Context(), url); err != nil {
		return err
	}
	for _, path := range []writer.Path{writer.PathStaged, writer.PathDirect} {
		if err := write(t, url, path, name); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	r, s := newReader(t, url), newSubscriptions(t, url)
	if _, err := r.Totals(t.Context(), -1, 1<<20); err != nil {
		return err
	}
	for _, q := range []event.Query{{}, {Topics: []string{"t"}}, {Feed: true}, {Feed: true, Topics: []string{"t"}}, {EventID: name}} {
		q.Limit, q.MaxBytes = 10, 1<<20
		if _, err := r.Events(t.Context(), q); err != nil {
			return err
		}
	}
	if _, err := s.Create(t.Context(), event.Subscription{Name: name, After: "beginning"}); err != nil {
		return err
	}
	if err := errors.Join(s.Commit(t.Context(), name, nil, event.Position{Commit: 1, ID: 1}), list(t.Context(), s)); err != nil {
		return err
	}
	if there, err := s.Delete(t.Context(), name, nil); err != nil || !there {
		return fmt.Errorf("delete a subscription: %v, %w", there, err)
	}
	if v, err := postgres.Verify(t.Context(), url); err != nil || len(v.Broken) > 0 {
		return fmt.Errorf("verify: %v, %w", v.Broken, err)
	}
	if done, err := newPruner(t, url).Prune(t.Context(), 0); err != nil || done.Batches == 0 {
		return fmt.Errorf("%+v, %w", done, err)
	}
	return nil
}

// write writes batches: of one event, of several, of what is there already, and one in doubt.
func write(t *testing.T, url string, path writer.Path, name string) error {
	t.Helper()
	core, log := observer.New(zap.InfoLevel)
	w := writer.New(url, path, testTimeouts, uuid.New(), zap.New(core))
	t.Cleanup(w.Close)
	one := fmt.Sprintf("%s by %s", name, path)
	for i, b := range []struct {
		ids     []string
		suspect bool
		stored  []bool
	}{{[]string{one}, false, []bool{true}}, {[]string{one}, true, []bool{false}}, {[]string{one, one + " 2", one + " 3"}, false, []bool{false, true, true}}} {
		stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(b.ids...), Suspects: slices.Repeat([]bool{b.suspect}, len(b.ids))}, func() {})
		if err != nil || !slices.Equal(stored, b.stored) {
			return fmt.Errorf("batch %d: %v, %w", i, stored, err)
		}
	}
	lost := storetest.Event(one)
	lost.Topic = "doubt"
	again := event.Batch{Groups: []event.Group{storetest.Group(lost)}, Suspects: []bool{false}}
	_, err := w.Merge(t.Context(), again, func() {})
	if log.FilterMessage("a batch in doubt was not committed and never will be").Len() != 1 {
		return fmt.Errorf("the doubt is not resolved: %w", err)
	}
	stored, err := w.Merge(t.Context(), again, func() {})
	if err != nil || !stored[0] {
		return fmt.Errorf("after the doubt: %v, %w", stored, err)
	}
	return nil
}

// TestAMissingRightIsToldWhereItStands: the error names the section of the README that has the rights.
func TestAMissingRightIsToldWhereItStands(t *testing.T) {
	t.Parallel()
	owner := postgrestest.Database(t)
	conn := pgtest.Client(t, owner)
	role, least, _ := leastRole(t, owner, conn)
	pgtest.Exec(t, conn, "REVOKE USAGE ON SCHEMA ingot FROM "+role)
	_, err := postgres.Open(t.Context(), least)
	if err == nil {
		t.Fatal("a right is missing")
	}
	_, section, told := strings.Cut(err.Error(), "what the README lists under \"")
	section, _, _ = strings.Cut(section, "\"")
	readme, failed := os.ReadFile("../../../README.md")
	if failed != nil {
		t.Fatal(failed)
	}
	_, text, there := strings.Cut(string(readme), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	if !told || !there || !strings.Contains(text, "    GRANT USAGE ON SCHEMA ingot TO app;") {
		t.Errorf("the README has no rights under %q: %v", section, err)
	}
}
