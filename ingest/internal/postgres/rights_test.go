package postgres_test

import (
	"net/url"
	"os"
	"strings"
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

// TestLeastRights: what the README says a role needs is enough, on every path.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	owner := postgrestest.Database(t)
	conn := pgtest.Client(t, owner)
	pgtest.Exec(t, conn, "REVOKE TEMP ON DATABASE "+conn.Config().Database+" FROM PUBLIC")
	_, least, retention := leastRole(t, owner, conn)
	if n := pgtest.Number(t, pgtest.Client(t, least), "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolname LIKE 'least_%' AND NOT rolsuper AND NOT has_database_privilege(current_database(), 'TEMP')"); n != 1 {
		t.Fatal("not that role")
	}
	if _, err := postgres.Open(t.Context(), least); err != nil {
		t.Fatal(err)
	}
	for _, path := range []writer.Path{writer.PathStaged, writer.PathDirect} {
		w := writer.New(least, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		for _, there := range []bool{false, true} {
			stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("by " + string(path)), Suspects: []bool{there}}, func() {})
			if err != nil || stored[0] == there {
				t.Errorf("%s, there: %v: stored %v, %v", path, there, stored, err)
			}
		}
	}
	r, s := newReader(t, least), newSubscriptions(t, least)
	if totals, err := r.Totals(t.Context(), -1, 1<<20); err != nil || totals.Stored != 2 {
		t.Errorf("%+v, %v", totals, err)
	}
	if _, err := s.Create(t.Context(), event.Subscription{Name: "a", After: "beginning"}); err != nil {
		t.Error(err)
	}
	if err := s.Commit(t.Context(), "a", event.Position{Commit: 1, ID: 1}); err != nil {
		t.Error(err)
	}
	if there, err := s.Delete(t.Context(), "a"); err != nil || !there {
		t.Errorf("%v, %v", there, err)
	}
	p := newPruner(t, least)
	if _, err := p.Prune(t.Context(), 1000*time.Hour); err == nil || !strings.Contains(err.Error(), "GRANT DELETE ON ingot.events, ingot.batches, ingot.topics") {
		t.Errorf("to delete what is old wants more, and is told so before anything is: %v", err)
	}
	pgtest.Exec(t, conn, retention)
	if done, err := p.Prune(t.Context(), 0); err != nil || done.Batches == 0 {
		t.Errorf("%+v, %v", done, err)
	}
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
