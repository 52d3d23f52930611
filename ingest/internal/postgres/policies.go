package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// violatesPolicy recognizes the error of a row that policies of row security keep out. A missing right has the same
// SQLSTATE, but comes from other functions of the server (aclcheck_error).
func violatesPolicy(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == missingRight && pgErr.Routine == "ExecWithCheckOptions"
}

// policiesQuery tells whether policies let this role add rows to the table of events at all, and see those it has
// added, which the merge's RETURNING asks for. Where there is no such policy every row is kept out, and by the same error as
// by one that looks at the row.
const policiesQuery = `SELECT bool_and(EXISTS (
	SELECT FROM pg_policy WHERE polrelid = 'ingot.events'::regclass AND polpermissive AND polcmd IN ('*', command)
	AND EXISTS (SELECT FROM unnest(polroles) AS role WHERE role = 0 OR pg_has_role(role, 'USAGE'))))
FROM unnest('{a,r}'::"char"[]) AS command`

// policyFor makes sure that a policy can have judged the row of a merge that failed. Row security that was turned on
// without one is a mistake that somebody will mend: nobody's event is refused for it. The caller has rolled back.
func (w *Writer) policyFor(ctx context.Context, failure error) error {
	if w.session == nil {
		return failure
	}
	results, err := w.session.conn.Exec(ctx, policiesQuery).ReadAll()
	switch {
	case err != nil:
		return fmt.Errorf("%w; look at the policies: %w", failure, err)
	case string(results[0].Rows[0][0]) != "t":
		return fmt.Errorf("no policy of row security lets this role add events and see them: %w", failure)
	}
	return nil
}
