package limit

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/bench/internal/mix"
)

// Copy is raw COPY over one connection: rows encoded beforehand, into a fresh
// table with the constraints and indexes of ingot.events.
type Copy struct {
	conn   *pgx.Conn
	chunks [][]byte // COPY streams, whole ones, of `size` rows each
	whole  []byte   // one COPY stream with all rows
	rows   int
}

// OpenCopy encodes the rows, in chunks of size as a client's arrays would bring
// them. The database behind url must hold the schema.
func OpenCopy(ctx context.Context, url string, e *mix.Encoder, rows, size int) (*Copy, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &Copy{conn: conn, rows: rows, whole: encode(e, 0, rows)}
	for first := 0; size > 1 && first < rows; first += size {
		c.chunks = append(c.chunks, encode(e, first, min(size, rows-first)))
	}
	return c, nil
}

func encode(e *mix.Encoder, first, n int) []byte {
	b := []byte(mix.CopyHeader)
	for i := first; i < first+n; i++ {
		b = e.AppendRow(b, i, int64(i)+1)
	}
	return append(b, mix.CopyTrailer...)
}

// Close ends the connection.
func (c *Copy) Close(ctx context.Context) { _ = c.conn.Close(ctx) }

// Measure returns rows a second: the faster of one COPY with all rows and one COPY a chunk. Each COPY is a transaction of
// its own, and committed when it is counted.
func (c *Copy) Measure(ctx context.Context) (float64, error) {
	best, err := c.time(ctx, [][]byte{c.whole})
	if err != nil || len(c.chunks) == 0 {
		return best, err
	}
	chunked, err := c.time(ctx, c.chunks)
	return max(best, chunked), err
}

const copyTable = "ingot.bench_copy"

func (c *Copy) time(ctx context.Context, streams [][]byte) (rate float64, err error) {
	if _, err := c.conn.Exec(ctx, "DROP TABLE IF EXISTS "+copyTable+"; CREATE TABLE "+copyTable+" (LIKE ingot.events INCLUDING ALL)"); err != nil {
		return 0, fmt.Errorf("make a table: %w", err)
	}
	start := time.Now()
	copied := int64(0)
	for _, stream := range streams {
		tag, err := c.conn.PgConn().CopyFrom(ctx, bytes.NewReader(stream), "COPY "+copyTable+" ("+mix.CopyColumns+") FROM STDIN (FORMAT binary)")
		if err != nil {
			return 0, fmt.Errorf("copy: %w", err)
		}
		copied += tag.RowsAffected()
	}
	elapsed := time.Since(start)
	if copied != int64(c.rows) {
		return 0, fmt.Errorf("COPY took %d of %d rows", copied, c.rows)
	}
	if _, err := c.conn.Exec(ctx, "DROP TABLE "+copyTable); err != nil {
		return 0, fmt.Errorf("drop the table: %w", err)
	}
	return float64(c.rows) / elapsed.Seconds(), nil
}
