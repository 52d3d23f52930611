package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"ingot/bench/internal/mix"
)

// fillChunk is the size of an id block, so that event i gets id i+1 and a table
// can be filled further after a break.
const fillChunk = 65_536

// Fill loads events 0..rows-1 into a database that an ingester has migrated: by
// COPY, in chunks that are batches of the log, so that the tables look as if an
// ingester had written them. What is there already is not loaded again. told gets
// the number of rows that are in.
func Fill(ctx context.Context, url string, e *mix.Encoder, rows int, told func(int)) error {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	have, err := number(ctx, conn, "SELECT coalesce(max(last_id), 0) FROM ingot.batches")
	for err == nil && have < rows {
		have, err = fillOne(ctx, conn, e, have, min(fillChunk, rows-have))
		told(have)
	}
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return nil
}

// Settle writes, freezes and measures what Fill loaded, so that no vacuum of it
// runs beside a measurement.
func Settle(ctx context.Context, url string) error {
	for _, sql := range []string{"VACUUM (FREEZE, ANALYZE) ingot.events", "CHECKPOINT"} {
		if err := Exec(ctx, url, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// fillOne writes events first..first+n-1 and their row of the log, and returns the
// id of the last.
func fillOne(ctx context.Context, conn *pgconn.PgConn, e *mix.Encoder, first, n int) (last int, err error) {
	id, err := number(ctx, conn, "SELECT nextval('ingot.id_blocks')")
	if err != nil {
		return 0, err
	}
	if err := send(ctx, conn, "BEGIN"); err != nil {
		return 0, err
	}
	stream := []byte(mix.CopyHeader)
	for i := range n {
		stream = e.AppendRow(stream, first+i, int64(id+i))
	}
	stream = append(stream, mix.CopyTrailer...)
	const into = "COPY ingot.events (" + mix.CopyColumns + ") FROM STDIN (FORMAT binary)"
	_, err = conn.CopyFrom(ctx, bytes.NewReader(stream), into)
	last = id + n - 1
	if err == nil {
		err = send(ctx, conn, logQuery(e, first, n, id, last))
	}
	if err != nil {
		return 0, errors.Join(err, send(ctx, conn, "ROLLBACK"))
	}
	return last, nil
}

// logQuery is the end of a transaction as the ingester ends it.
func logQuery(e *mix.Encoder, first, n, id, last int) string {
	topics := map[string]int{}
	for i := first; i < first+n; i++ {
		_, topic := e.Key(i)
		topics[topic]++
	}
	var q strings.Builder
	fmt.Fprintf(&q, `INSERT INTO ingot.batches SELECT coalesce(max(commit_seq), 0) + 1, %d, %d, %d, %d,
		coalesce(max(total_received), 0) + %d, coalesce(max(total_stored), 0) + %d, '%s', clock_timestamp() FROM ingot.batches;`,
		id, last, n, n, n, n, uuid.Nil)
	for topic, count := range topics {
		fmt.Fprintf(&q, `INSERT INTO ingot.topics AS t VALUES ('%s', %d) ON CONFLICT (topic) DO UPDATE SET events = t.events + excluded.events;`,
			strings.ReplaceAll(topic, "'", "''"), count)
	}
	return q.String() + "COMMIT"
}

func send(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	_, err := conn.Exec(ctx, sql).ReadAll()
	return err
}

func number(ctx context.Context, conn *pgconn.PgConn, sql string) (n int, err error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(string(results[0].Rows[0][0]), &n)
	return n, err
}
