package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// lookers are the connections that keys are looked up over, beside the one that writes.
// Who holds Writer.next uses them (ahead.go).
type lookers struct {
	url     string
	timeout time.Duration // of a look-up, by the server; for the network: dial
	all     [2]looker
	stale   atomic.Bool // the connection that writes was given up, and who knows where these lead

	pause   time.Duration             // after one could not be opened
	refused atomic.Pointer[time.Time] // when that was last; nil: never
}

// lookUpPause is how long nothing is looked up when there is no connection to be had for
// it, as under a role's CONNECTION LIMIT. A guess.
const lookUpPause = time.Second

// errNoLookUps says so, each time but the first.
var errNoLookUps = errors.New("no look-ups for a while: a connection could not be opened")

// find marks the keys that exist in known, which means nothing when it fails. It says
// which server knows that, as session.server does: after a failover an old one may still
// answer, and knows what was lost.
func (l *lookers) find(ctx context.Context, k keys, known []bool) (server string, err error) {
	if l.stale.Swap(false) {
		l.close()
	}
	if at := l.refused.Load(); at != nil && time.Since(*at) < l.pause {
		return "", errNoLookUps
	}
	parts := []keys{k}
	if n := len(k.positions); n >= twoLookers {
		parts = []keys{k.slice(0, n/2), k.slice(n/2, n)}
	}
	var looking sync.WaitGroup
	var errs [len(l.all)]error
	for i, part := range parts {
		looking.Go(func() { errs[i] = l.all[i].find(ctx, l, part, known) }) // stops with its answer or ctx, awaited below
	}
	looking.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return "", fmt.Errorf("look up suspects: %w", err)
	}
	server = l.all[0].server
	if other := l.all[len(parts)-1].server; other != server {
		l.close()
		return "", fmt.Errorf("look up suspects: two servers answer, started %s and %s", server, other)
	}
	return server, nil
}

func (l *lookers) close() {
	for i := range l.all {
		l.all[i].close()
	}
}

// setupLooker runs once on each connection that looks keys up.
const setupLooker = `SET default_transaction_read_only = on;
SET idle_session_timeout = 0;
` + scansOnly

// looker is one of them. It is opened when it is needed.
type looker struct {
	conn   *pgconn.PgConn
	plan   planned
	server string // when it was started
}

var binaryFormat = []int16{1}

func (l *looker) find(ctx context.Context, to *lookers, k keys, known []bool) error {
	if err := l.open(ctx, to); err != nil {
		return err
	}
	params := [][]byte{appendTextArray(nil, k.ids), appendTextArray(nil, k.topics)}
	for _, at := range k.positions {
		known[at] = true
	}
	result := l.conn.ExecPrepared(ctx, lookUpName, params, binaryFormat, binaryFormat)
	for result.NextRow() {
		missing := int64(binary.BigEndian.Uint64(result.Values()[0]))
		known[k.positions[missing-1]] = false
	}
	_, err := result.Close()
	return err
}

// open sees to the connection, and its plan.
func (l *looker) open(ctx context.Context, to *lookers) error {
	if l.conn != nil && l.conn.IsClosed() {
		l.close()
	}
	if l.conn == nil {
		setup := fmt.Sprintf("%sSET statement_timeout = %d", setupLooker, milliseconds(to.timeout))
		conn, err := connect(ctx, to.url, setup, to.timeout, func(*pgconn.Notice) {})
		if err != nil {
			now := time.Now()
			to.refused.Store(&now)
			return err
		}
		l.conn, l.plan = conn, planned{}
		if l.server, err = readServer(ctx, conn); err != nil {
			l.close()
			return err
		}
	}
	return l.plan.prepare(ctx, l.conn, lookUpName, lookUpQuery, pgtype.TextArrayOID, pgtype.TextArrayOID)
}

func (l *looker) close() {
	if l.conn != nil {
		discard(l.conn)
		l.conn = nil
	}
}
