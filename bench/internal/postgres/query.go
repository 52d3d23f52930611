package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Exec runs SQL on a database.
func Exec(ctx context.Context, url, sql string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// query runs SQL whose result is one value.
func query[T any](ctx context.Context, url, sql string) (value T, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return value, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, sql).Scan(&value)
	return value, err
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// Rows is how many rows the log says were stored.
func Rows(ctx context.Context, url string) (int, error) {
	return query[int](ctx, url, "SELECT coalesce(max(total_stored), 0) FROM ingot.batches")
}

// LastID is the highest id in the log. Rows with higher ids belong to whoever writes next.
func LastID(ctx context.Context, url string) (int, error) {
	return query[int](ctx, url, "SELECT coalesce(max(last_id), 0) FROM ingot.batches")
}
