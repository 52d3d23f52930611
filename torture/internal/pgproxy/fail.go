package pgproxy

import (
	"fmt"
	"io"
	"regexp"

	"github.com/jackc/pgx/v5/pgproto3"
)

// begins finds a Query that opens its transaction by itself. The statement in its place opens one as well, so that a
// transaction fails.
var begins = regexp.MustCompile(`(?i)^\s*BEGIN\b`)

// ending are the codes after which Postgres ends the connection.
var ending = map[string]bool{
	"57P01": true, // the administrator ended it
	"57P02": true, // another backend crashed
	"57P03": true, // not yet, or no longer, up
	"53300": true, // too many connections
	"25P03": true, // idle in a transaction for too long
}

// fail takes the message away and has the server raise an error in its place. For a prepared statement the error is
// raised in place of the Sync that ends its messages.
func (t *talk) fail(m message, sqlstate string) error {
	if m.kind == 0 || ending[sqlstate] {
		return t.fatal(sqlstate)
	}
	if m.kind == 'B' {
		t.due = sqlstate
		_, err := t.in.Discard(m.size)
		return err
	}
	return t.replace(m, raise(sqlstate))
}

// replace sends sql in place of a Query, and opens a transaction before it if the Query opens one.
func (t *talk) replace(m message, sql string) error {
	if _, err := t.in.Discard(m.size); err != nil {
		return err
	}
	if begins.MatchString(m.sql) {
		sql = "BEGIN; " + sql
	}
	return t.query(sql)
}

// pastError drops the messages that belong to a prepared statement that is to fail, and raises its error in place of
// Sync.
func (t *talk) pastError(m message) error {
	if _, err := t.in.Discard(m.size); err != nil {
		return err
	}
	if m.kind != 'S' {
		return nil
	}
	sqlstate := t.due
	t.due = ""
	return t.query(raise(sqlstate))
}

// raise is a statement that fails with sqlstate.
func raise(sqlstate string) string {
	return fmt.Sprintf("DO $pgproxy$BEGIN RAISE EXCEPTION 'raised by pgproxy' USING ERRCODE = '%s'; END$pgproxy$", sqlstate)
}

func (t *talk) query(sql string) error {
	b, err := (&pgproto3.Query{String: sql}).Encode(nil)
	if err != nil {
		return err
	}
	t.count()
	if _, err := t.out.Write(b); err != nil {
		return err
	}
	return t.out.Flush()
}

// fatal ends the connection with an error of the proxy's own. It then reads until the client has closed its side: to
// close a socket with bytes unread could take the error away from the client.
func (t *talk) fatal(sqlstate string) error {
	t.keepAllBack()
	_ = t.c.Upstream().Close()
	b, err := (&pgproto3.ErrorResponse{
		Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: sqlstate, Message: "said by pgproxy",
	}).Encode(nil)
	if err != nil {
		return err
	}
	if _, err := t.c.Client().Write(b); err != nil {
		return errStruck
	}
	_ = t.c.Client().CloseWrite()
	_, _ = io.Copy(io.Discard, t.in)
	return errStruck
}
