package writer

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

	"ingot/ingest/internal/postgres"
)

// lookers are the connections that look keys up while another connection writes. They belong to the committer
// that holds Writer.next (ahead.go).
type lookers struct {
	url     string
	timeout time.Duration // statement_timeout of a look-up; for the network see dial
	all     [2]looker
	stale   atomic.Bool // the connection that writes was given up, so these may lead to an old server

	pause   time.Duration             // how long nothing is looked up after a connection could not be opened
	refused atomic.Pointer[time.Time] // when a connection last could not be opened; nil: never
}

// lookUpPause is how long nothing is looked up after a connection could not be opened, for example because of a role's
// CONNECTION LIMIT. A guess.
const lookUpPause = time.Second

// errNoLookUps is the error of look-ups during that pause. The look-up before the pause has the error of
// connecting.
var errNoLookUps = errors.New("no look-ups for now: a connection could not be opened")

// find marks in known the keys that exist; known means nothing when find fails. It also returns which server says
// so, named as in session.server: after a failover the old server may still answer, and it has keys that were lost.
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
		return "", fmt.Errorf("look up suspects: %w", postgres.ExplainTimeout(err, l.timeout, "--attempt-timeout"))
	}
	server = l.all[0].server
	if other := l.all[len(parts)-1].server; other != server {
		l.close()
		return "", fmt.Errorf("look up suspects: two different servers answered, %s and %s", server, other)
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

// looker is one of these connections. It is opened when it is needed.
type looker struct {
	conn   *pgconn.PgConn
	plan   planned
	server string    // as in session.server
	params [2][]byte // event_ids and topics of the last look-up; the memory is used again, up to paramsKept
}

// paramsKept bounds the memory that a looker keeps of each parameter. A batch of the default size has some 200 KB of
// event_ids.
const paramsKept = 1 << 20

var binaryFormat = []int16{1}

func (l *looker) find(ctx context.Context, to *lookers, k keys, known []bool) error {
	if err := l.open(ctx, to); err != nil {
		return err
	}
	for i, texts := range [...][]string{k.ids, k.topics} {
		l.params[i] = appendTextArray(l.params[i][:0], texts)
	}
	for _, at := range k.positions {
		known[at] = true
	}
	l.plan.uses++
	result := l.conn.ExecPrepared(ctx, lookUpName, l.params[:], binaryFormat, binaryFormat)
	for result.NextRow() {
		missing := int64(binary.BigEndian.Uint64(result.Values()[0]))
		known[k.positions[missing-1]] = false
	}
	_, err := result.Close()
	for i, param := range l.params {
		if cap(param) > paramsKept {
			l.params[i] = nil
		}
	}
	return err
}

// open makes sure that the connection is there, and that its plan is not out of date.
func (l *looker) open(ctx context.Context, to *lookers) error {
	if l.conn != nil && l.conn.IsClosed() {
		l.close()
	}
	if l.conn == nil {
		setup := fmt.Sprintf("%sSET statement_timeout = %d", setupLooker, postgres.Milliseconds(to.timeout))
		conn, err := postgres.Connect(ctx, to.url, setup, to.timeout, nil)
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
		postgres.Discard(l.conn)
		l.conn = nil
	}
}
