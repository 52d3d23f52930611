package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolConfig bounds the connections of a pool.
type PoolConfig struct {
	Connections int           // at most this many queries at a time; the others wait
	Timeout     time.Duration // statement_timeout
}

// lastReads is how long closing a pool waits for the queries under way, and for cancel requests. Pools are closed at
// the end of the stop, during which queries had time to end. A guess.
const lastReads = time.Second

// Pool is a pool of connections whose Close does not wait for a server that hangs. pgx gives each connection 15 s to
// be closed, after the timeout of its query.
type Pool struct {
	*pgxpool.Pool
	sockets *sockets
}

// Close ends the connections. Queries that are under way lastReads later are broken off, and fail.
func (p *Pool) Close() {
	cut := time.AfterFunc(lastReads, p.sockets.cut)
	defer cut.Stop()
	p.Pool.Close()
}

// OpenPool makes a pool that connects when it is first used. name is the application_name of its connections, setup
// what runs on each of them before it is used.
func OpenPool(url, name string, config PoolConfig, setup string) (*Pool, error) {
	sockets := newSockets()
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, urlError(err)
	}
	c.MaxConns = int32(config.Connections)
	c.MaxConnLifetime = SessionLifetime
	// The URL or the environment may name files with the password, the certificate or the CA, and these may be renewed.
	// So they are read again for each connection, as they are for the connections that write.
	c.BeforeConnect = func(_ context.Context, next *pgx.ConnConfig) error {
		fresh, err := parse(url)
		if err != nil {
			return err
		}
		next.Config = *fresh
		next.RuntimeParams["application_name"] = name
		next.DialFunc = sockets.dial(dial(config.Timeout, requirePeer(&next.Config)))
		return nil
	}
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return ExplainTimeout(setUp(ctx, conn.PgConn(), setup, config.Timeout), config.Timeout, "--query-timeout")
	}
	opened, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("open the pool of the %s: %w", name, err)
	}
	return &Pool{Pool: opened, sockets: sockets}, nil
}

// setUp makes a connection of a pool ready: it runs setup, and refuses a server that readers cannot rely on.
func setUp(ctx context.Context, conn *pgconn.PgConn, setup string, timeout time.Duration) error {
	setup = fmt.Sprintf("%s; SET statement_timeout = %d; SET TimeZone = 'UTC'; SET jit = off", setup, Milliseconds(timeout))
	if err := setUpSession(ctx, conn, setup, timeout); err != nil {
		return err
	}
	// A standby lags: with one in the pool, a page would lack rows, and a valid cursor would be answered "gone".
	if _, err := ReadDurability(ctx, conn); err != nil {
		return err
	}
	_, err := ReadTables(ctx, conn) // its warnings are left to the Writer
	return err
}

// PlannedByIndex makes a session plan every statement with an index, row by row, whatever the statistics of a growing
// table say. It may end the setup of a pool. Planning each time costs a tenth of a millisecond; a plan made for other
// filters could cost seconds. Parallel workers take longer to start (8 ms) than they save. gin_fuzzy_search_limit,
// which somebody may have set for a text search, would make the index leave out rows.
const PlannedByIndex = ` SET gin_fuzzy_search_limit = 0; SET plan_cache_mode = force_custom_plan; SET max_parallel_workers_per_gather = 0;
	SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off; SET enable_material = off`
