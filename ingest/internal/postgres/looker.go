package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// looker is a connection that looks keys up beside the one that writes. It is opened
// when it is needed.
type looker struct {
	conn *pgconn.PgConn
	plan planned
}

// find marks the keys that exist in known.
func (l *looker) find(ctx context.Context, s *session, k keys, known []bool) error {
	if err := l.open(ctx, s); err != nil {
		return err
	}
	params := [][]byte{appendTextArray(nil, k.ids), appendTextArray(nil, k.topics)}
	result := l.conn.ExecPrepared(ctx, lookUpName, params, binaryFormat, binaryFormat)
	for result.NextRow() {
		i := int64(binary.BigEndian.Uint64(result.Values()[0]))
		known[k.positions[i-1]] = true
	}
	_, err := result.Close()
	return err
}

// open sees to the connection, and its plan.
func (l *looker) open(ctx context.Context, s *session) error {
	if l.conn != nil && l.conn.IsClosed() {
		l.close()
	}
	if l.conn == nil {
		setup := fmt.Sprintf("%sSET statement_timeout = %d", setupLooker, milliseconds(s.unanswered))
		conn, err := connect(ctx, s.url, setup, s.unanswered, func(*pgconn.Notice) {})
		if err != nil {
			return err
		}
		l.conn, l.plan = conn, planned{}
		if err := l.sameServer(ctx, s.server); err != nil {
			l.close()
			return err
		}
	}
	return l.plan.prepare(ctx, l.conn, lookUpName, lookUpQuery, pgtype.TextArrayOID, pgtype.TextArrayOID)
}

// sameServer makes sure that keys are looked up where they are written: after a failover
// an old server may still answer, and knows what was lost.
func (l *looker) sameServer(ctx context.Context, server string) error {
	results, err := l.conn.Exec(ctx, serverQuery).ReadAll()
	if err != nil {
		return fmt.Errorf("ask for the server's name: %w", err)
	}
	if found := string(results[0].Rows[0][0]); found != server {
		return fmt.Errorf("another server answers than the one that is written to: started %s, not %s", found, server)
	}
	return nil
}

func (l *looker) close() {
	if l.conn != nil {
		discard(l.conn)
		l.conn = nil
	}
}
