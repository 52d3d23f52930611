package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/bench/internal/mix"
)

// Pour is raw COPY into a database that Fill has filled. It copies batches of size rows, each in a transaction of its own.
// The rows are encoded before the clock runs, in the order of their keys as an ingester ships them. Pour copies whole blocks
// of ids until their COPY has taken as long as during, and returns how many rows it has copied and how long their COPY took.
// Each block gets a row in the log, as one batch; the time for that is not counted. The row has the block's topics and is not
// marked as folded: an ingester that has written before may have left counts in the log.
func Pour(ctx context.Context, url string, e *mix.Encoder, size int, during time.Duration) (rows int, took time.Duration, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	for took < during {
		block, err := pourBlock(ctx, conn, e, size)
		if err != nil {
			return rows, took, fmt.Errorf("pour: %w", err)
		}
		rows, took = rows+fillChunk, took+block
	}
	return rows, took, nil
}

// pourBlock writes the events that belong to the next block of ids. took is how long their COPY took.
func pourBlock(ctx context.Context, conn *pgx.Conn, e *mix.Encoder, size int) (took time.Duration, err error) {
	id, err := nextBlock(ctx, conn)
	if err != nil {
		return 0, err
	}
	for at := 0; at < fillChunk; at += size {
		stream := batchRows(e, id-1+at, min(size, fillChunk-at), id+at)
		start := time.Now()
		if err := copyRows(ctx, conn, stream); err != nil {
			return took, err
		}
		took += time.Since(start)
	}
	_, err = conn.Exec(ctx, logQuery(fillChunk, id, topicsOf(e, id-1, fillChunk)))
	return took, err
}
