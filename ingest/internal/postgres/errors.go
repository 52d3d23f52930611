package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// NotUpYet recognizes an error of Open that may pass by itself: nobody listens, the server is starting or stopping
// (class 57), it is out of connections, memory or disk (class 53), another process is bringing the schema up to
// date, or somebody's transaction is in the way of that. A wrong password or database name is none of these.
func NotUpYet(err error) bool {
	if errors.Is(err, ErrMovesSessions) {
		return false
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return LockTimedOut(err) || strings.HasPrefix(pgErr.Code, "57") || strings.HasPrefix(pgErr.Code, "53")
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return connecting
}

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

// Denied recognizes the error of a statement for which the role lacks a right.
func Denied(err error) bool { return SQLState(err) == MissingRight }

// explainRights adds to an error who may grant the missing right. After a restore the schema belongs to the role
// that ran the restore.
func explainRights(err error) error {
	switch {
	case errors.Is(err, errNoSchema) && Denied(err):
		return fmt.Errorf("%w: the owner of the database has to GRANT CREATE ON DATABASE to this role", err)
	case Denied(err):
		return fmt.Errorf("%w: the owner of the schema ingot, after a restore whoever ran it, has to give this role what the README lists under \"Postgres\"", err)
	}
	return err
}
