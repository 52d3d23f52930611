package pgproxy

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// step is one exchange of an ingester, in the form that it has there.
type step struct {
	name   string
	points []Point
	do     func(ctx context.Context, conn *pgconn.PgConn) error
}

func query(sql string) func(context.Context, *pgconn.PgConn) error {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, sql).ReadAll()
		return err
	}
}

func copying(sql string, rows func() io.Reader) func(context.Context, *pgconn.PgConn) error {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.CopyFrom(ctx, rows(), sql)
		return err
	}
}

func few(rows string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(rows) }
}

func prepared(name string) func(context.Context, *pgconn.PgConn) error {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.ExecPrepared(ctx, name, nil, nil, nil).Read().Err
	}
}

// behindOneSync runs prepared statements as one, up to the first that fails.
func behindOneSync(names ...string) func(context.Context, *pgconn.PgConn) error {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		pipeline := conn.StartPipeline(ctx)
		for _, name := range names {
			pipeline.SendQueryPrepared(name, nil, nil, nil)
		}
		err := pipeline.Sync()
		for range names {
			if err == nil {
				_, err = pipeline.GetResults()
			}
		}
		return errors.Join(err, pipeline.Close())
	}
}

const (
	directSQL = "BEGIN; COPY ingot.events (event_id) FROM STDIN; EXECUTE ingot_log; COMMIT"
	mergeSQL  = "INSERT INTO ingot.events SELECT unnest('{a,b}'::text[]) ON CONFLICT DO NOTHING RETURNING event_id"
	lookUpSQL = "SELECT k FROM unnest('{a}'::text[]) AS k JOIN ingot.events AS e ON e.event_id = k"
)

// session is what an ingester does, in its order.
var session = []step{
	{"setup", []Point{Setup, Any}, query("SET jit = off; PREPARE ingot_log AS INSERT INTO ingot.batches VALUES (1)")},
	{"prepare", nil, func(ctx context.Context, conn *pgconn.PgConn) error {
		for name, sql := range map[string]string{"begin": "BEGIN", "merge": mergeSQL, "look-up": lookUpSQL} {
			if _, err := conn.Prepare(ctx, name, sql, nil); err != nil {
				return err
			}
		}
		return nil
	}},
	{"look-up", []Point{LookUp, Any}, prepared("look-up")},
	{"merge", []Point{Merge, Any}, behindOneSync("begin", "merge")},
	{"commit", []Point{Log, Commit, Any}, query("SELECT 1; EXECUTE ingot_log; COMMIT")},
	{"direct", []Point{Direct, Rows, Log, Commit, Any}, copying(directSQL, few("c\nd\n"))},
	{"fence", []Point{Fence, Any}, query("BEGIN; INSERT INTO ingot.batches VALUES (2); SELECT pg_logical_emit_message(true, 'ingot', 'fence'); COMMIT")},
	{"block of ids", []Point{Any}, query("SELECT nextval('ingot.id_blocks')")},
}

// beside is what the connections do that write no batches.
var beside = []step{
	{"setup of a reader", []Point{Any}, query("SET jit = off; SET statement_timeout = 0")},
	{"read", []Point{Read, Any}, func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.ExecParams(ctx, "SELECT first_id FROM ingot.batches WHERE first_id >= $1", [][]byte{[]byte("1")}, nil, nil, nil).Read().Err
	}},
	{"read by topics", []Point{Read, Any}, func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.ExecParams(ctx, "SELECT e.ctid FROM unnest('{a}'::text[]) AS k CROSS JOIN LATERAL (SELECT ctid FROM ingot.events WHERE event_id = k) AS e", nil, nil, nil, nil).Read().Err
	}},
	{"a transaction of its own", []Point{Any}, query("BEGIN; SELECT 1; COMMIT")},
}

// opened is a connection through the proxy on which the steps before that of a name
// have been done.
func (h house) opened(t *testing.T, before string) *pgconn.PgConn {
	t.Helper()
	exec(t, h.tidy, "TRUNCATE ingot.events") // the keys are new each time
	name, steps := "ingot", session
	if slices.ContainsFunc(beside, func(s step) bool { return s.name == before }) {
		name, steps = "ingot reader", beside
	}
	conn := h.openAs(t, name)
	for _, s := range steps {
		if s.name == before {
			break
		}
		if err := s.do(t.Context(), conn); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	return conn
}

// openAs says who it is, as an ingester's connections do.
func (h house) openAs(t *testing.T, name string) *pgconn.PgConn {
	t.Helper()
	return open(t, h.URL+"&application_name="+url.PathEscape(name))
}

func stepNamed(name string) step {
	for _, s := range slices.Concat(session, beside) {
		if s.name == name {
			return s
		}
	}
	panic(name)
}

// points are all there are.
var points = []Point{Connect, Setup, Merge, LookUp, Log, Commit, Direct, Rows, Fence, Read, Any}

// TestPoints: each point is met at its steps and at no other.
func TestPoints(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, p := range points {
		met := func(name string, want []Point, do func()) {
			t.Helper()
			armed := h.Arm(Fault{At: p, Do: DelayBefore})
			do()
			h.Disarm()
			if armed.Fired() != slices.Contains(want, p) {
				t.Errorf("%s is met at %s: %v", name, p, armed.Fired())
			}
		}
		for name, steps := range map[string][]step{"ingot": session, "ingot reader": beside} {
			exec(t, h.tidy, "TRUNCATE ingot.events") // the keys are new each time
			var conn *pgconn.PgConn
			met(name+": connect", []Point{Connect}, func() { conn = h.openAs(t, name) })
			for _, s := range steps {
				met(s.name, s.points, func() {
					if err := s.do(t.Context(), conn); err != nil {
						t.Fatalf("%s: %v", s.name, err)
					}
				})
			}
		}
	}
}
