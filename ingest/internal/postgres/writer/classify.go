package writer

import (
	"cmp"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// classify turns the error of a statement that ships or merges rows into the fate of the batch. The error of any
// other statement has its class already, and is returned as it is. Whichever it is, nothing of the batch is stored.
func classify(err error) error {
	if _, classed := errors.AsType[*event.NotStoredError](err); classed {
		return err
	}
	if _, classed := errors.AsType[*event.BadDataError](err); classed {
		return err
	}
	if by := refusedBy(err); by != "" {
		return &event.BadDataError{Err: err, By: by}
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && isBadData(pgErr.Code) && !slices.Contains(atTheirEnd, pgErr.Routine) {
		return &event.BadDataError{Err: err}
	}
	if postgres.OutOfTime(err) { // perhaps because of one row; a commit Query more likely waits for the log's lock
		return &event.NotStoredError{Reason: event.ReasonUnexplained, Err: err}
	}
	return notStored(err)
}

// notStored is the fate of a batch after an error of the server that certainly does not come from its data, or that
// nobody can explain.
func notStored(err error) error {
	if unexplained(err) {
		return &event.NotStoredError{Reason: event.ReasonUnexplained, Err: err}
	}
	return unavailable(err)
}

// unexplained recognizes an ERROR that may be caused by one row of many: a mistake in a trigger, an added column that
// requires a value, a broken page of an index. It is not one if its SQLSTATE blames the server or the transaction: class
// 08, 25 (read-only), 40 (a deadlock), 53 (no room), 57 (it is stopping), or a lock. But what a trigger raises by that name
// may be about one row, whatever it means: taken for an outage, it would hold up everybody.
func unexplained(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !isError(err) || len(pgErr.Code) != 5 || ofTheLog(err) {
		return false
	}
	return slices.Contains(raisers, pgErr.Routine) || !postgres.LockTimedOut(err) && !ofClass(pgErr.Code, "08", "25", "40", "53", "57")
}

// unavailable is the fate of a batch that was not stored because of some failure that has nothing to do with its data.
func unavailable(err error) error {
	return &event.NotStoredError{Reason: event.ReasonUnavailable, Err: postgres.ExplainReadOnly(err)}
}

// isBadData recognizes the SQLSTATEs that a row causes, and causes again whenever it is sent: class 22 (data
// exception: 22021 NUL, 22P05 untranslatable, 22003 numeric range, 22008 datetime range) and class 54 (program
// limit: 54000 index row too large, 54001 nesting).
func isBadData(code string) bool {
	return ofClass(code, "22", "54")
}

// ofClass tells whether a SQLSTATE is of one of the classes. A pooler that answers in place of Postgres may send none.
func ofClass(code string, classes ...string) bool {
	return len(code) == 5 && slices.Contains(classes, code[:2])
}

// atTheirEnd are functions of the server that raise 54000 whatever the row is: when the server has no transaction ids
// left until somebody vacuums, or a table is as large as tables can be.
var atTheirEnd = []string{"GetNewTransactionId", "mdextend", "mdzeroextend", "ExtendBufferedRelShared"}

// isError tells an ERROR, after which the session goes on, from a FATAL or a PANIC, after which it does not.
func isError(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && cmp.Or(pgErr.SeverityUnlocalized, pgErr.Severity) == "ERROR"
}
