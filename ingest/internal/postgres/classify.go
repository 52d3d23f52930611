package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/event"
)

// classify turns the error of a statement that ships or merges rows into the fate of the batch. The error of any
// other statement has its class already, and is returned as it is. Whichever it is, nothing of the batch is stored.
func classify(err error) error {
	var classed *event.NotStoredError
	if errors.As(err, &classed) {
		return err
	}
	if by := refusedBy(err); by != "" {
		return &event.BadDataError{Err: err, By: by}
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && isBadData(pgErr.Code) && !slices.Contains(atTheirEnd, pgErr.Routine) {
		return &event.BadDataError{Err: err}
	}
	return notStored(err)
}

// notStored is the fate of a batch that the server reports an error for which is certainly not its data's, or may be
// anybody's.
func notStored(err error) error {
	if unexplained(err) {
		return &event.NotStoredError{Reason: event.ReasonUnexplained, Err: err}
	}
	return unavailable(err)
}

// unexplained recognizes an ERROR that one row of many may be at fault for: a mistake in a trigger, an added column that
// wants a value, a broken page of an index. It is none where its SQLSTATE says that the server or the transaction is:
// class 08, 25 (read-only), 40 (a deadlock), 53 (no room), 57 (it is stopping); but 57014, a statement that takes too
// long, may take so long because of one row.
func unexplained(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && isError(err) && len(pgErr.Code) == 5 && !lockTimedOut(err) && !ofTheLog(err) &&
		(pgErr.Code == tookTooLong || !ofClass(pgErr.Code, "08", "25", "40", "53", "57"))
}

const tookTooLong = "57014"

// unavailable is the fate of a batch that was not stored because of some failure that has nothing to do with its data.
func unavailable(err error) error {
	return &event.NotStoredError{Reason: event.ReasonUnavailable, Err: err}
}

// isBadData recognizes the SQLSTATEs that a row causes, and causes again whenever it is sent: class 22 (data
// exception: 22021 NUL, 22P05 untranslatable, 22003 numeric range, 22008 datetime range) and class 54 (program
// limit: 54000 index row too large, 54001 nesting).
func isBadData(code string) bool {
	return ofClass(code, "22", "54")
}

// ofClass tells whether a SQLSTATE is of one of the classes. What answers in Postgres' place may leave it out.
func ofClass(code string, classes ...string) bool {
	return len(code) == 5 && slices.Contains(classes, code[:2])
}

// atTheirEnd are functions of the server that raise 54000 whatever the row is: the server has no transaction ids
// left until somebody vacuums, or a table is as large as tables get.
var atTheirEnd = []string{"GetNewTransactionId", "mdextend", "mdzeroextend", "ExtendBufferedRelShared"}

// isError tells an ERROR, after which the session goes on, from a FATAL or a PANIC, after which it does not.
func isError(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	severity := pgErr.SeverityUnlocalized
	if severity == "" {
		severity = pgErr.Severity
	}
	return severity == "ERROR"
}

// NotUpYet recognizes an error of Open that may pass by itself: nobody listens, the server is starting or stopping
// (class 57), it is out of connections, memory or disk (class 53), another process is bringing the schema up to
// date, or somebody's transaction is in the way of that. A wrong password or database name is none of these.
func NotUpYet(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return lockTimedOut(err) || ofClass(pgErr.Code, "57", "53")
	}
	var connectErr *pgconn.ConnectError
	return errors.As(err, &connectErr)
}

// constraint recognizes the error of a statement whose rows a constraint of the tables refuses.
func constraint(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && ofClass(pgErr.Code, "23")
}

// deadlocked recognizes the error of the transaction that the server ended to resolve a deadlock.
func deadlocked(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "40P01"
}

// lockTimedOut recognizes the error of a statement that has waited for a lock for all of its lock_timeout.
func lockTimedOut(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "55P03"
}

// denied recognizes the error of a statement for which the role lacks a right.
func denied(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == missingRight
}

// explainRights adds to an error who may grant the missing right. After a restore the schema belongs to the role
// that ran the restore.
func explainRights(err error) error {
	switch {
	case errors.Is(err, errNoSchema) && denied(err):
		return fmt.Errorf("%w: the owner of the database has to GRANT CREATE ON DATABASE to this role", err)
	case denied(err):
		return fmt.Errorf("%w: the owner of the schema ingot, after a restore whoever ran it, has to give this role what the README lists under \"Run it\"", err)
	}
	return err
}
