package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A Postgres that was given is worked on by one bench at a time: the databases of all have the same names, and are dropped
// whoever is connected to them. The data folder, which has a lock of its own, may be another one, on another machine.
//
//  1. OpenCluster takes an advisory lock of that Postgres, on a connection that stays open until Close. The server frees
//     the lock when this process ends, however it ends.
//  2. If that connection breaks, so that the lock is free, the bench goes on: nobody else need have come. Before it drops
//     a database, and so before each round, it takes the lock again.
//  3. If another bench has taken it meanwhile, that other one goes on and this one cannot: it drops nothing any more, and
//     each of its scenarios ends with an error that says so.

// lockKey is the number of the lock. The ingester takes others.
const lockKey = 0x696e676f74be

// acquireLock takes the lock, or says who has it.
func (c *Cluster) acquireLock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := c.connectToLock(ctx)
	if err != nil {
		return fmt.Errorf("lock the Postgres of --database-url: %w", err)
	}
	if err := tryLock(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return fmt.Errorf("lock the Postgres of --database-url: %w", err)
	}
	c.lock = conn
	return nil
}

// connectToLock connects to the database that the lock is in, for locks belong to a database: to the one that every Postgres
// has, or else to that of the URL. So benches meet that were given different databases of one Postgres.
func (c *Cluster) connectToLock(ctx context.Context) (*pgx.Conn, error) {
	if conn, err := pgx.Connect(ctx, c.URL("postgres")); err == nil {
		return conn, nil
	}
	return pgx.Connect(ctx, c.admin)
}

// tryLock takes the lock on a connection, which nothing but its end is to end.
func tryLock(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "SET idle_session_timeout = 0"); err != nil {
		return err
	}
	taken, holder := false, 0
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&taken); err != nil || taken {
		return err
	}
	const who = `SELECT coalesce(max(pid), 0) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid::bigint << 32 | objid::bigint = $1`
	if err := conn.QueryRow(ctx, who, int64(lockKey)).Scan(&holder); err != nil {
		return err
	}
	return fmt.Errorf("another bench is using it (server process %d), and would lose its databases: wait until that ends, or use another Postgres", holder)
}

// keepLock takes the lock again if the connection that held it is broken.
func (c *Cluster) keepLock(ctx context.Context) error {
	if c.lock == nil {
		return nil // a private server's folder is locked
	}
	asked, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if c.lock.Ping(asked) == nil {
		return nil
	}
	_ = c.lock.Close(asked)
	return c.acquireLock(ctx)
}

// releaseLock frees the lock. The next bench need not wait until the server has noticed that the connection is closed.
func (c *Cluster) releaseLock(ctx context.Context) {
	if c.lock == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, _ = c.lock.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(lockKey)) // the end of the connection frees it as well
	_ = c.lock.Close(ctx)
}
