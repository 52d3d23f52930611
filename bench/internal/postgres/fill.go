package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ingot/bench/internal/mix"
)

const (
	// fillChunk is how many rows are loaded in one transaction. It is the size of a block of ids, so that event i gets id
	// i+1, and a table can be filled further after a break.
	fillChunk = 65_536

	// fillBatch is how many rows a batch of the log has: as many as a batch of an ingester has when clients send arrays of
	// 100 events.
	fillBatch = 256
)

// Fill loads events 0..rows-1 into a database that an ingester has migrated. It loads them by COPY, in batches that have
// their rows in the log, so that the tables look as if an ingester had written them. Events that are there already are not
// loaded again. progress is called with the number of rows that are loaded.
func Fill(ctx context.Context, url string, e *mix.Encoder, rows int, progress func(int)) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	have, err := LastID(ctx, url)
	for err == nil && have < rows {
		have, err = fillOne(ctx, conn, e, have, min(fillChunk, rows-have))
		progress(have)
	}
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return nil
}

// Vacuum vacuums, freezes and analyzes what Fill has loaded, and writes it to disk, so that no autovacuum of it runs beside
// a measurement.
func Vacuum(ctx context.Context, url string) error {
	for _, sql := range []string{"VACUUM (FREEZE, ANALYZE) ingot.events", "VACUUM (FREEZE, ANALYZE) ingot.batches", "CHECKPOINT"} {
		if err := Exec(ctx, url, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// Vacuumed tells whether Vacuum has come to its end since the tables were written to: Ctrl-C may have cut it short when all
// rows were there.
func Vacuumed(ctx context.Context, url string) (bool, error) {
	rough, err := query[int](ctx, url, `SELECT count(*) FROM pg_class WHERE oid IN ('ingot.events'::regclass, 'ingot.batches'::regclass)
		AND relallvisible < 0.99 * pg_relation_size(oid) / current_setting('block_size')::int`)
	return rough == 0, err
}

// ReadOnce reads the tables and their keys once, as if the database had been in use for a while: pages that a restart or the
// kernel has dropped come back into memory.
func ReadOnce(ctx context.Context, url string) error {
	const all = `SET enable_seqscan = off; SET enable_bitmapscan = off;
		SELECT count(event_id) FROM ingot.events WHERE event_id >= '';
		SELECT count(id) FROM ingot.events WHERE topic >= '';
		RESET enable_seqscan; SELECT count(source) FROM ingot.events; SELECT count(*) FROM ingot.batches WHERE received >= 0`
	if err := Exec(ctx, url, all); err != nil {
		return fmt.Errorf("read the tables: %w", err)
	}
	return nil
}

// fillOne writes events first..first+n-1 and the rows of their batches in the log. It returns the id of the last event.
func fillOne(ctx context.Context, conn *pgx.Conn, e *mix.Encoder, first, n int) (last int, err error) {
	id, err := nextBlock(ctx, conn)
	if err != nil {
		return 0, err
	}
	return id + n - 1, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for at := 0; at < n; at += fillBatch {
			size := min(fillBatch, n-at)
			if err := copyRows(ctx, conn, batchRows(e, first+at, size, id+at)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, logQuery(size, id+at, nil)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, topicsQuery(topicsOf(e, first, n)))
		return err
	})
}

// nextBlock is the first id of a block that is nobody else's.
func nextBlock(ctx context.Context, conn *pgx.Conn) (id int, err error) {
	err = conn.QueryRow(ctx, "SELECT nextval('ingot.id_blocks')").Scan(&id)
	return id, err
}

func copyRows(ctx context.Context, conn *pgx.Conn, stream []byte) error {
	_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(stream), "COPY ingot.events ("+mix.CopyColumns+") FROM STDIN (FORMAT binary)")
	return err
}

// logQuery says in the log that rows id..id+n-1 are a batch, and where the table ended. topics are how many events of each
// topic it has. nil: they are in ingot.topics already, and so are those of all batches before.
func logQuery(n, id int, topics map[string]int) string {
	counts := "NULL"
	if topics != nil {
		text, _ := json.Marshal(topics) // cannot fail
		counts = quote(string(text))
	}
	return fmt.Sprintf(`INSERT INTO ingot.batches SELECT coalesce(max(commit_seq), 0) + 1, %d, %d, %d, %d,
		coalesce(max(total_received), 0) + %d, coalesce(max(total_stored), 0) + %d, '%s', clock_timestamp(),
		pg_relation_size('ingot.events') / current_setting('block_size')::bigint, %s, %t FROM ingot.batches`,
		id, id+n-1, n, n, n, n, uuid.Nil, counts, topics == nil)
}

// batchRows are the rows of a batch in the order of their keys, as an ingester ships
// them. The ids follow the order of arrival.
func batchRows(e *mix.Encoder, first, n, id int) []byte {
	keys, order := make([]string, n), make([]int, n)
	for i := range n {
		key, topic := e.Key(first + i)
		keys[i], order[i] = key+topic, i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	stream := []byte(mix.CopyHeader)
	for _, i := range order {
		stream = e.AppendRow(stream, first+i, int64(id+i))
	}
	return append(stream, mix.CopyTrailer...)
}

// topicsOf counts the events first..first+n-1 by topic.
func topicsOf(e *mix.Encoder, first, n int) map[string]int {
	topics := map[string]int{}
	for i := first; i < first+n; i++ {
		topics[e.Topic(i)]++
	}
	return topics
}

// topicsQuery adds counts to those in ingot.topics.
func topicsQuery(topics map[string]int) string {
	var q strings.Builder
	for topic, count := range topics {
		fmt.Fprintf(&q, `INSERT INTO ingot.topics AS t VALUES (%s, %d) ON CONFLICT (topic) DO UPDATE SET events = t.events + excluded.events;`, quote(topic), count)
	}
	return q.String()
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
