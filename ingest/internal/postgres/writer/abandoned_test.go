package writer

import (
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/pgtest"
)

// TestAbandonedUnderAnotherRole: whom the database has act for another role still ends the backends
// that it gave up.
func TestAbandonedUnderAnotherRole(t *testing.T) {
	t.Parallel()
	owner := postgrestest.Database(t)
	conn := pgtest.Client(t, owner)
	name := conn.Config().Database
	login, group := pgx.Identifier{"login_" + name}.Sanitize(), pgx.Identifier{"group_" + name}.Sanitize()
	pgtest.Exec(t, conn, "CREATE ROLE "+group+"; CREATE ROLE "+login+" LOGIN IN ROLE "+group+"; ALTER ROLE "+login+" SET role = "+group+`;
		GRANT USAGE ON SCHEMA ingot TO `+group+"; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ingot TO "+group+"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA ingot TO "+group)
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP OWNED BY "+group+"; DROP ROLE "+login+", "+group) })
	as, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.User("login_" + name)
	givenUp, err := openSession(t.Context(), as.String(), testTimeouts, uuid.NewString())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Discard(givenUp.conn) })
	w := New(as.String(), PathAuto, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	w.abandoned = []backend{givenUp.backend}
	storetest.Merge(t, w, "a")
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'login_"+name+"'", 1)
}
