package limit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Commit measures an INSERT of one row with its COMMIT, again and again over one connection for the time given, and returns
// the median. Each is one round trip.
func Commit(ctx context.Context, url string, during time.Duration) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS ingot.bench_commit (n bigint PRIMARY KEY, v text); TRUNCATE ingot.bench_commit"); err != nil {
		return 0, fmt.Errorf("make a table: %w", err)
	}
	var times []time.Duration
	for begin, n := time.Now(), 0; time.Since(begin) < during || n < 10; n++ {
		start := time.Now()
		if err := commitOne(ctx, conn, n); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// commitOne sends BEGIN, INSERT and COMMIT as one simple Query. The COMMIT is written out, so that a proxy that delays the
// answers to COMMIT delays this one too.
func commitOne(ctx context.Context, conn *pgx.Conn, n int) error {
	query := fmt.Sprintf("BEGIN; INSERT INTO ingot.bench_commit VALUES (%d, 'one row'); COMMIT", n)
	if _, err := conn.PgConn().Exec(ctx, query).ReadAll(); err != nil {
		return fmt.Errorf("commit one row: %w", err)
	}
	return nil
}
