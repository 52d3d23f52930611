package writer

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/ingest/internal/postgres"
)

// refusedBy names what somebody has added to the tables that refuses a row: a constraint (other than an index of the
// key, ofTheKey), a trigger that raises an exception, or a policy of row security, if there is one (policyFor). It is
// empty for any other error.
//
// NOT NULL does not count: an added column without a default refuses every row, and clients that are told a final no
// would give up their events.
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
		return "a row security policy"
	}
	return ""
}

// refusedAtCommit does the same for the error of a commit Query. There a row is to blame only if the error is of
// something deferred and names the table of events. A constraint always does; a trigger has to (RAISE .. USING SCHEMA,
// TABLE).
func refusedAtCommit(err error) string {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.SchemaName != "ingot" || pgErr.TableName != "events" {
		return ""
	}
	return refusedBy(err)
}

const notNull = "23502"

// ofTheKey recognizes a merge that failed at an existing key, which it should have skipped. ON CONFLICT uses only the
// valid indexes of the key. While REINDEX or CREATE INDEX CONCURRENTLY builds another, or drops the old one, the key of
// a row that another ingester writes at the same moment may be found in an index that is not valid, whatever its name
// is. The next try finds that row. The detail begins with the columns in any language.
func ofTheKey(e *pgconn.PgError) bool {
	_, columns, _ := strings.Cut(e.Detail, "(")
	return e.Code == uniqueViolation && e.SchemaName == "ingot" && e.TableName == "events" && strings.HasPrefix(columns, "event_id, topic)=(")
}

const uniqueViolation = "23505"

// raised recognizes an exception that a function of a trigger (or of a CHECK, a policy, ..) raises on purpose to keep
// the row out: by RAISE or ASSERT, with any SQLSTATE that does not say that the error may pass. It goes by the name of
// the server's own function that made the error, which depends on no setting and no language.
//
// P0001 is the SQLSTATE of a RAISE that names none.
func raised(e *pgconn.PgError) bool {
	return e.Code == "P0001" || slices.Contains(raisers, e.Routine) && !mayPass(e.Code)
}

// raisers are the functions of PL/pgSQL behind RAISE and ASSERT. A RAISE without arguments, which passes an error on,
// keeps the name of that error's function.
var raisers = []string{"exec_stmt_raise", "exec_stmt_assert"}

// mayPass tells whether a SQLSTATE blames something other than the row: whoever raises it, or passes it on with a RAISE,
// wants the row to be tried again. Class 42 has the mistakes of programs, such as a table that is not there (42P01); but
// a missing right (42501) is what triggers raise to keep rows out.
func mayPass(code string) bool {
	return code != postgres.MissingRight && ofClass(code, passing...)
}

// passing are classes of SQLSTATEs: connection, transaction state, serialization, program, resources, state of an object
// (a lock), operator intervention, system, foreign server, internal.
var passing = []string{"08", "25", "40", "42", "53", "55", "57", "58", "HV", "XX"}
