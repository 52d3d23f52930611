package postgres

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// NotUpYet recognizes an error of Open that may pass by itself: nobody listens or answers, a pooler has no server
// (class 08), the server is starting or stopping (class 57), it is out of connections, memory or disk (class 53),
// another process is bringing the schema up to date, or somebody's transaction or brake (ReadOnly) is in the way of
// that. A wrong password or database name is none of these.
func NotUpYet(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return LockTimedOut(err) || ReadOnly(err) || len(pgErr.Code) == 5 && slices.Contains([]string{"08", "53", "57"}, pgErr.Code[:2])
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return connecting || errors.Is(err, errGone)
}

// errGone is in the error of Open if its connection was lost, or no answer came at the start.
var errGone = errors.New("the server does not answer, or the connection to it is lost")

// MissingRight is the SQLSTATE of a statement for which the role lacks a right, and of a row that row security refuses.
const MissingRight = "42501"

// SQLState is the code of the server's error in err; "": err is none of the server's.
func SQLState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

// deadlocked recognizes the error of the transaction that the server ended to resolve a deadlock.
func deadlocked(err error) bool { return SQLState(err) == "40P01" }

// LockTimedOut recognizes the error of a statement that has waited for a lock for all of its lock_timeout.
func LockTimedOut(err error) bool { return SQLState(err) == "55P03" }

// OutOfTime recognizes the error of a statement that was cancelled: it ran into its timeout, or somebody cancelled it.
func OutOfTime(err error) bool { return SQLState(err) == "57014" }

// ExplainTimeout adds to such an error which setting gives a statement its time.
func ExplainTimeout(err error, timeout time.Duration, flag string) error {
	if OutOfTime(err) {
		return fmt.Errorf("%w; a statement has %s (%s)", err, timeout, flag)
	}
	return err
}

// Denied recognizes the error of a statement for which the role lacks a right.
func Denied(err error) bool { return SQLState(err) == MissingRight }

// ErrReadOnly says that default_transaction_read_only is on: somebody has put that brake on.
var ErrReadOnly = errors.New("default_transaction_read_only is on, for the server, the database or the role: nothing is written until it is off")

// ReadOnly recognizes the error of a statement that may not write because of that. A standby's error has the same
// SQLSTATE, but comes from another function of the server.
func ReadOnly(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == "25006" && pgErr.Routine == "PreventCommandIfReadOnly"
}

// ExplainReadOnly puts ErrReadOnly before such an error.
func ExplainReadOnly(err error) error {
	if ReadOnly(err) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// explainRights adds to an error who may grant the missing right. After a restore the schema belongs to the role
// that ran the restore.
func explainRights(err error) error {
	switch {
	case errors.Is(err, errNoSchema) && Denied(err):
		return fmt.Errorf("%w: the owner of the database must GRANT CREATE ON DATABASE to this role", err)
	case errors.Is(err, errMigrate) && Denied(err):
		return fmt.Errorf("%w: start this version once as the owner of the schema ingot, which brings it up to date", err)
	case Denied(err):
		return fmt.Errorf("%w: the owner of the schema ingot (after a restore, whoever ran it) must grant this role what the README lists under \"Postgres\"", err)
	}
	return err
}
