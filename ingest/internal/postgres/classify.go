package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/event"
)

// classify turns a failure of a statement that ships or merges rows into the fate it
// means; what comes from any other statement has its class already. Nothing of the batch
// is stored in either case.
func classify(err error) error {
	var classed *event.NotStoredError
	if errors.As(err, &classed) {
		return err
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && isBadData(pgErr.Code) && !slices.Contains(atTheirEnd, pgErr.Routine) {
		return &event.BadDataError{Err: err}
	}
	return unavailable(err)
}

// unavailable is the fate of a batch that some failure, not its data, has kept from
// being stored.
func unavailable(err error) error {
	return &event.NotStoredError{Reason: event.ReasonUnavailable, Err: err}
}

// isBadData tells the SQLSTATEs that a row causes and that will come again with
// the same row: class 22 (data exception: 22021 NUL, 22P05 untranslatable, 22003
// numeric range, 22008 datetime range) and 54 (program limit: 54000 index row too
// large, 54001 nesting).
func isBadData(code string) bool {
	return len(code) == 5 && (code[:2] == "22" || code[:2] == "54")
}

// atTheirEnd are functions of the server that raise 54000 for whatever row comes: it has no
// transaction ids left before somebody vacuums, or a table is as large as tables get.
var atTheirEnd = []string{"GetNewTransactionId", "mdextend", "mdzeroextend", "ExtendBufferedRelShared"}

// isError tells an ERROR, after which the server goes on, from a FATAL or a
// PANIC, after which it does not.
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

// NotUpYet tells an error of Open that may pass by itself: nobody listens, the
// server is starting or stopping, another process brings its schema up to date, or somebody's transaction
// is in the way of that. A wrong password or name is not among them.
func NotUpYet(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return lockTimedOut(err) || pgErr.Code[:2] == "57" || pgErr.Code[:2] == "53"
	}
	var connectErr *pgconn.ConnectError
	return errors.As(err, &connectErr)
}

// constraint tells an error of rows that the tables refuse.
func constraint(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code[:2] == "23"
}

// deadlocked tells an error of who was chosen to end a deadlock.
func deadlocked(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "40P01"
}

// lockTimedOut tells an error of who has waited for a lock for its lock_timeout.
func lockTimedOut(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "55P03"
}

// denied tells an error of who lacks a right.
func denied(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "42501"
}

// explainRights says who may give the rights that are missing: after a restore the schema belongs to whoever ran it.
func explainRights(err error) error {
	switch {
	case errors.Is(err, errNoSchema) && denied(err):
		return fmt.Errorf("%w: the owner of the database has to GRANT CREATE ON DATABASE to this role", err)
	case denied(err):
		return fmt.Errorf("%w: the owner of the schema ingot, after a restore whoever ran it, has to give this role what the README lists under \"Run it\"", err)
	}
	return err
}
