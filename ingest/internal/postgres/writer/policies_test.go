package writer

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// writingRole makes a role that may write, for which row security holds, and returns its name and a URL that acts for it.
func writingRole(t *testing.T, owner string, conn *pgx.Conn) (role, acting string) {
	t.Helper()
	role = "writing_" + conn.Config().Database
	pgtest.Exec(t, conn, "CREATE ROLE "+role)
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	pgtest.Exec(t, conn, "GRANT USAGE ON SCHEMA ingot TO "+role+"; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ingot TO "+role+
		"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA ingot TO "+role)
	as, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	q := as.Query()
	q.Set("role", role)
	as.RawQuery = q.Encode()
	return role, as.String()
}

const rowSecurity = "ALTER TABLE ingot.events ENABLE ROW LEVEL SECURITY;"

// TestPoliciesRefuseARequest whose event they let nobody add, or nobody see: a merge asks for both.
func TestPoliciesRefuseARequest(t *testing.T) {
	t.Parallel()
	for name, policies := range map[string]string{
		"one of several": "CREATE POLICY p ON ingot.events USING (source = 'none'); CREATE POLICY q ON ingot.events USING (true) WITH CHECK (source <> 'bad')",
		"restrictive":    "CREATE POLICY p ON ingot.events USING (true); CREATE POLICY q ON ingot.events AS RESTRICTIVE FOR INSERT WITH CHECK (source <> 'bad')",
		"hidden":         "CREATE POLICY p ON ingot.events FOR INSERT WITH CHECK (true); CREATE POLICY q ON ingot.events FOR SELECT USING (source <> 'bad')",
	} {
		for _, path := range []Path{PathAuto, PathStaged, PathDirect} {
			t.Run(name+" "+string(path), func(t *testing.T) {
				t.Parallel()
				owner := postgrestest.Database(t)
				conn := pgtest.Client(t, owner)
				_, least := writingRole(t, owner, conn)
				pgtest.Exec(t, conn, rowSecurity+policies)
				w := newWriter(t, least)
				w.chooser.path = path
				bad := storetest.Event("b")
				bad.Source = "bad"
				_, err := w.Merge(t.Context(), event.Batch{Groups: append(storetest.Groups("a"), storetest.Group(bad))}, func() {})
				if by(err) != "a row security policy" || w.session == nil {
					t.Fatalf("got %v, connection %v, want bad data that a policy refuses", err, w.session != nil)
				}
				if diff := cmp.Diff([]bool{true}, storetest.Merge(t, w, "a")); diff != "" {
					t.Errorf("the event beside it: %s", diff)
				}
			})
		}
	}
}

// TestPoliciesThatChange may have kept out an event of a merge that began before, where now they are such as let it pass. So a merge
// is refused only once they have been looked at before it.
func TestPoliciesThatChange(t *testing.T) {
	t.Parallel()
	owner := postgrestest.Database(t)
	conn := pgtest.Client(t, owner)
	_, least := writingRole(t, owner, conn)
	w := newWriter(t, least)
	w.chooser.path = PathStaged
	storetest.Merge(t, w, "a")
	for _, ddl := range []string{
		rowSecurity + "CREATE POLICY p ON ingot.events USING (true) WITH CHECK (topic = 'none')",
		"ALTER POLICY p ON ingot.events WITH CHECK (topic = 'other')",
		"DROP POLICY p ON ingot.events; CREATE POLICY p ON ingot.events USING (true) WITH CHECK (topic = 'other')",
	} {
		pgtest.Exec(t, conn, ddl)
		_, first := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b")}, func() {})
		_, second := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b")}, func() {})
		if notStored := new(event.NotStoredError); !errors.As(first, &notStored) || by(second) != "a row security policy" {
			t.Errorf("got %v, then %v, want not stored, then refused by a policy", first, second)
		}
	}
}

// TestWithoutAPolicyNothingIsRefused, nor without a right: that is a mistake of whoever runs the database, and all is well once it
// is mended.
func TestWithoutAPolicyNothingIsRefused(t *testing.T) {
	t.Parallel()
	const (
		insert = "CREATE POLICY p ON ingot.events FOR INSERT WITH CHECK (true);"
		audit  = "CREATE TABLE public.audit (source text); CREATE FUNCTION ingot.audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit VALUES (NEW.source); RETURN NEW; END $$;" +
			"CREATE TRIGGER audit AFTER INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.audit();"
	)
	for name, c := range map[string]struct{ wrong, mend string }{
		"no policy":              {rowSecurity, "CREATE POLICY p ON ingot.events USING (true)"},
		"others' policies":       {rowSecurity + "CREATE POLICY p ON ingot.events TO pg_monitor USING (true)", "CREATE POLICY q ON ingot.events TO ROLE USING (true)"},
		"only to forbid":         {rowSecurity + "CREATE POLICY p ON ingot.events AS RESTRICTIVE USING (true)", "CREATE POLICY q ON ingot.events USING (true)"},
		"only to add":            {rowSecurity + insert, "CREATE POLICY q ON ingot.events FOR SELECT USING (true)"},
		"only to see":            {rowSecurity + "CREATE POLICY p ON ingot.events FOR SELECT USING (true)", "CREATE POLICY q ON ingot.events FOR INSERT WITH CHECK (true)"},
		"no right":               {"REVOKE INSERT ON ingot.events FROM ROLE", "GRANT INSERT ON ingot.events TO ROLE"},
		"no right, but a policy": {rowSecurity + "CREATE POLICY p ON ingot.events USING (true); REVOKE INSERT ON ingot.events FROM ROLE", "GRANT INSERT ON ingot.events TO ROLE"},
		"no right of a trigger":  {audit, "GRANT INSERT ON public.audit TO ROLE"},
		"no policy of a trigger": {audit + "GRANT INSERT ON public.audit TO ROLE; ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY", "ALTER TABLE public.audit DISABLE ROW LEVEL SECURITY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := postgrestest.Database(t)
			conn := pgtest.Client(t, owner)
			role, least := writingRole(t, owner, conn)
			as := strings.NewReplacer(" ROLE", " "+role)
			w := newWriter(t, least)
			storetest.Merge(t, w, "before")
			pgtest.Exec(t, conn, as.Replace(c.wrong))
			var notStored *event.NotStoredError
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {}); !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnexplained {
				t.Errorf("got %v %v, want not stored, and no reason", stored, err)
			}
			pgtest.Exec(t, conn, as.Replace(c.mend))
			if diff := cmp.Diff([]bool{true}, storetest.Merge(t, w, "a")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
