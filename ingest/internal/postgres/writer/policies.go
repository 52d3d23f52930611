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

// policiesQuery names the policies of the table of events, each with its version. It names none unless there are some that let
// this role add rows, and see those it has added, which the merge's RETURNING needs: without such policies every row is refused,
// with the same error as by a policy that has judged the row.
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

// policyFor makes sure that a policy has judged the row of a merge that failed: there were policies before it, and they are the
// same now. If it returns an error, row security was turned on without a policy, or a policy is just being replaced: somebody will
// correct that, and no event is refused for it. The caller has rolled back.
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
		return fmt.Errorf("no row security policy lets this role add events and see them: %w", failure)
	case s.policies != before:
		return fmt.Errorf("the row security policies have changed: %w", failure)
	}
	return nil
}
