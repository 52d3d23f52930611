package writer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/ingest/internal/postgres"
)

// bufKept is twice the default of --batch-bytes. A single request may be larger.
const bufKept = 16 << 20

// scansOnly is for statements whose plan is made once, perhaps for an empty table, and used as the table grows. It
// switches off the kinds of plan that go wrong on a large table, which leaves index scans, row by row. They are also
// twice as fast as bitmap scans and memoize when every key is asked for once (BenchmarkMerge, 5,000 rows, 90 %
// duplicates). JIT is off too: a plan that has to use a disabled node has such a high cost that every batch would start
// the compiler. Index scans are switched on, whatever the role, the database or the server say: without them each
// look-up of a batch's keys would read the whole table.
const scansOnly = `SET jit = off;
SET enable_indexscan = on;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_bitmapscan = off;
SET enable_memoize = off;
SET plan_cache_mode = force_generic_plan;
`

// setupSession runs once on every connection that writes.
//
// synchronous_commit is local for what the session commits besides batches and fences, which set their own: the draws
// of ids, which matter to this session alone until a row with them is committed. If a draw waited for a standby, no
// doubt could be resolved while the standby is away.
//
// idle_session_timeout is off: a server that ends the session between two batches would put the second in doubt.
const setupSession = `
SET synchronous_commit = local;
SET client_min_messages = warning;
SET idle_session_timeout = 0;
SET TimeZone = 'UTC';
` + scansOnly + prepareFold

// session is the connection that writes, with all that ends with it: its prepared statements and its block of ids.
type session struct {
	conn      *pgconn.PgConn
	server    string // its name (readServer)
	backend   backend
	promise   postgres.Durability
	changed   []string // what somebody has done to the tables
	beforeRow bool     // a trigger may keep rows out of the table of events
	opened    time.Time
	clock     time.Time   // what the clock said then
	nextID    int64       // what is left of the block: nextID..lastID; 0 before a block is drawn
	lastID    int64       // before a block is drawn: that of the connection before
	merged    int         // rows given to the merge, so those that no look-up has spared it; for tests
	warned    bool        // a warning arrived since the last statement was completed
	broken    atomic.Bool // the connection was given up; set also without the turn, by the reader of an answer
	begin     string      // the first statements of a transaction that is one Query
	logName   string      // of the prepared statement that writes a batch's row of the log

	policies  string // the policies of row security that let this session add events, at the last look; "" if there were none
	checkPlan planned
	unfolded  unfolded

	buf    []byte           // messages with the rows of the batch; kept for the next, up to bufKept
	rows   []row            // likewise
	topics map[string]int64 // likewise
	texts  [2][]byte        // the texts that become parameters of a statement; likewise
}

func openSession(ctx context.Context, url string, t Timeouts, instance string) (*session, error) {
	now := time.Now()
	s := &session{opened: now, clock: now.Round(0), topics: map[string]int64{}, unfolded: unfoldedAtFirst, logName: fmt.Sprintf("ingot_log_%x", rand.Uint64())}
	setup := fmt.Sprintf(setupSession+prepareLock+"SET lock_timeout = %[2]d; SET statement_timeout = %[3]d; SET idle_in_transaction_session_timeout = %[3]d",
		postgres.LogLock, postgres.Milliseconds(t.Lock), postgres.Milliseconds(t.Statement))
	conn, err := postgres.Connect(ctx, url, setup, t.Statement, func(*pgconn.PgConn, *pgconn.Notice) { s.warned = true })
	if err != nil {
		return nil, err
	}
	s.conn = conn
	if err := s.prepare(ctx, instance); err != nil {
		postgres.Discard(conn)
		return nil, err
	}
	return s, nil
}

// prepare asks the server who it is and what it promises, and what was done to the tables. Then it prepares the
// statements of a batch.
func (s *session) prepare(ctx context.Context, instance string) error {
	d, err := postgres.ReadDurability(ctx, s.conn)
	if err != nil {
		return err
	}
	s.promise = d
	if err := mayWrite(ctx, s.conn); err != nil {
		return err
	}
	s.begin = postgres.Begin + "; SET LOCAL synchronous_commit = " + commitLevel(d)
	results, err := s.conn.Exec(ctx, backendQuery).ReadAll()
	if err != nil {
		return fmt.Errorf("ask for the backend's name: %w", err)
	}
	if n := len(results[1].Rows); n != 1 {
		return fmt.Errorf("ask for the backend's name: %d rows of pg_stat_activity", n)
	}
	s.backend.pid, _ = strconv.ParseInt(string(results[1].Rows[0][0]), 10, 64)
	s.backend.start = string(results[1].Rows[0][1])
	if s.server, err = readServer(ctx, s.conn); err != nil {
		return err
	}
	if s.changed, err = postgres.ReadTables(ctx, s.conn); err != nil {
		return err
	}
	if s.policies, err = readPolicies(ctx, s.conn); err != nil {
		return err
	}
	if err = s.prepareEnd(ctx, instance); err != nil {
		return err
	}
	return s.prepareMerge(ctx, d)
}

// mayWrite fails for a session that began while the brake was on. It would keep it where it was put on the database or
// the role, so it is not used: the next session finds out whether it is off again. A brake of the server reaches open
// sessions, and leaves them.
func mayWrite(ctx context.Context, conn *pgconn.PgConn) error {
	on, err := postgres.QueryNumber(ctx, conn, "SELECT current_setting('default_transaction_read_only')::boolean::integer")
	switch {
	case err != nil:
		return fmt.Errorf("ask whether this session may write: %w", err)
	case on == 1:
		return postgres.ErrReadOnly
	}
	return nil
}

// commitLevel is the synchronous_commit of a batch. The answers rely on it as they do on postgres.Begin, so each
// transaction states both. The timeouts are set on the session, where the prepared statements are: set in each
// transaction they would cost a batch some 8 µs each. Only the merge sets a lock_timeout of its own, which is shorter
// for a brief batch.
func commitLevel(d postgres.Durability) string {
	commit := "on"
	if d.SynchronousCommit == "remote_apply" {
		commit = d.SynchronousCommit
	}
	return commit
}

// expired goes by the clock as well: of the hours in which a machine sleeps, the clock alone knows, and readers find ids
// by the clock (reader.blockLife).
func (s *session) expired() bool {
	return max(time.Since(s.opened), time.Since(s.clock)) > postgres.SessionLifetime
}

// serverQuery has no time zone in its answer, whatever the session's is.
const serverQuery = "SELECT format('%s, database %s', extract(epoch FROM pg_postmaster_start_time()), oid) FROM pg_database WHERE datname = current_database()"

// readServer asks a server when it was started, and which of its databases this is: somebody may give the name of one to another.
// Both serve as the server's name: no two have the same.
func readServer(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	results, err := conn.Exec(ctx, serverQuery).ReadAll()
	if err != nil {
		return "", fmt.Errorf("ask for the server's name: %w", err)
	}
	return string(results[0].Rows[0][0]), nil
}
