package writer

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/ingest/internal/postgres"
)

// refusedBy names what somebody has added to the tables and refuses a row: a constraint (but for an index of the key,
// ofTheKey), a trigger that raises an exception, or a policy of row security, if there is one (policyFor). Else it is
// empty.
//
// NOT NULL is none of them: an added column without a default refuses every row, and whoever is told that for good
// gives the events up.
func refusedBy(err error) string {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || ofTheKey(pgErr) {
		return ""
	}
	switch constraint := ofClass(pgErr.Code, "23") && pgErr.Code != notNull; {
	case constraint && pgErr.ConstraintName != "":
		return "the constraint " + pgErr.ConstraintName
	case raised(pgErr):
		return "a trigger"
	case constraint:
		return "a constraint"
	case violatesPolicy(err):
		return "a policy of row security"
	}
	return ""
}

// refusedAtCommit does so for the error of a commit Query, where only what is deferred and names the table of events is
// the fault of a row. A constraint always names its table; a trigger has to (RAISE .. USING SCHEMA, TABLE).
func refusedAtCommit(err error) string {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.SchemaName != "ingot" || pgErr.TableName != "events" {
		return ""
	}
	return refusedBy(err)
}

const notNull = "23502"

// ofTheKey recognizes a merge that has met a key that exists, which it should have passed over. ON CONFLICT looks into
// the valid indexes of the key alone. While REINDEX or CREATE INDEX CONCURRENTLY makes another, or takes the old one
// away, the key of a row that another ingester writes at the same moment may be found in the one that is not valid,
// whatever its name is. The next try finds that row. The server tells the columns first, in any language.
func ofTheKey(e *pgconn.PgError) bool {
	_, columns, _ := strings.Cut(e.Detail, "(")
	return e.Code == uniqueViolation && e.SchemaName == "ingot" && e.TableName == "events" && strings.HasPrefix(columns, "event_id, topic)=(")
}

const uniqueViolation = "23505"

// raised recognizes an exception that a function of a trigger (or of a CHECK, a policy, ..) raises on purpose to keep
// the row out: by RAISE or ASSERT, whichever SQLSTATE they name, unless that one says that it may pass. The server tells
// the function of its own that made the error; no setting and no language of its messages changes that name.
//
// P0001 is what a RAISE has that names none.
func raised(e *pgconn.PgError) bool {
	return e.Code == "P0001" || slices.Contains(raisers, e.Routine) && !mayPass(e.Code)
}

// raisers are the functions of PL/pgSQL behind RAISE and ASSERT. A RAISE that only passes an error on, without
// an argument of its own, leaves the name of that error's function.
var raisers = []string{"exec_stmt_raise", "exec_stmt_assert"}

// mayPass tells whether a SQLSTATE blames something other than the row: whoever raises it, or passes it on with a RAISE,
// wants the row again. In class 42 are the faults of a program, such as a table that is not there (42P01); but a right
// that is missing (42501) is what a trigger says to whom it keeps out.
func mayPass(code string) bool {
	return code != postgres.MissingRight && ofClass(code, passing...)
}

// passing are classes of SQLSTATEs: connection, state of the transaction, serialization, program, resources, state of an
// object (a lock), operator, system, foreign server, internal.
var passing = []string{"08", "25", "40", "42", "53", "55", "57", "58", "HV", "XX"}
