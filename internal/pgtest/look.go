package pgtest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Client is a connection of the test's own, to look behind what is tested with. It is closed when the test ends.
func Client(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Exec runs statements; without arguments they may be several.
func Exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Number runs a query for one number.
func Number(t testing.TB, conn *pgx.Conn, sql string, args ...any) (n int64) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// WaitFor polls a number; it gives up after a minute.
func WaitFor(t testing.TB, conn interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, sql string, want int64,
) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for time.Now().Before(end) {
		tag, err := conn.Exec(context.Background(), "SELECT 1 WHERE ("+sql+") = "+strconv.FormatInt(want, 10))
		if err != nil {
			t.Fatal(err)
		}
		if tag.RowsAffected() == 1 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s never became %d", sql, want)
}

// Shadow lets what a test has made in public go before what Postgres calls the same, for a pool of one connection.
func Shadow(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	if pool.Config().MaxConns != 1 {
		t.Fatal("more than one connection")
	}
	if _, err := pool.Exec(context.Background(), "SET search_path = public, pg_catalog"); err != nil {
		t.Fatal(err)
	}
}
