package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/ingest/internal/postgres"
)

// violatesPolicy recognizes the error of a row that policies of row security keep out. A missing right has the same
// SQLSTATE, but comes from other functions of the server (aclcheck_error).
func violatesPolicy(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == postgres.MissingRight && pgErr.Routine == "ExecWithCheckOptions"
}

// policiesQuery names the policies of the table of events, each as it is since it was last changed. It names none if they
// do not let this role add rows at all, or not see those it has added, which the merge's RETURNING asks for: where there is no
// such policy every row is kept out, and by the same error as by one that looks at the row.
const policiesQuery = `SELECT string_agg(format('%s.%s', oid, xmin), ' ' ORDER BY oid) FROM pg_policy WHERE polrelid = 'ingot.events'::regclass
AND (SELECT bool_and(EXISTS (
	SELECT FROM pg_policy WHERE polrelid = 'ingot.events'::regclass AND polpermissive AND polcmd IN ('*', command)
	AND EXISTS (SELECT FROM unnest(polroles) AS role WHERE role = 0 OR pg_has_role(role, 'USAGE'))))
	FROM unnest('{a,r}'::"char"[]) AS command)`

func readPolicies(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	results, err := conn.Exec(ctx, policiesQuery).ReadAll()
	if err != nil {
		return "", fmt.Errorf("look at the policies: %w", err)
	}
	return string(results[0].Rows[0][0]), nil
}

// policyFor makes sure that a policy has judged the row of a merge that failed: policies were there before it, and are the same
// now. Row security that was turned on without one, or whose policy is just being replaced, is a mistake that somebody will mend:
// nobody's event is refused for it. The caller has rolled back.
func (w *Writer) policyFor(ctx context.Context, failure error) error {
	s := w.session
	if s == nil {
		return failure
	}
	before := s.policies
	var err error
	s.policies, err = readPolicies(ctx, s.conn)
	switch {
	case err != nil:
		return fmt.Errorf("%w; %w", failure, err)
	case s.policies == "":
		return fmt.Errorf("no policy of row security lets this role add events and see them: %w", failure)
	case s.policies != before:
		return fmt.Errorf("the policies of row security have changed: %w", failure)
	}
	return nil
}
