package reader

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// logRow holds what reading needs of a row of the commit log.
type logRow struct {
	commit      int64 // commit_seq
	first, last int64 // ids
	stored      int
	heapBlocks  int64 // length of the table in blocks at the commit; 0: not known
	identity    uint32
	committed   int64 // by the database's clock, in µs since 1970
	young       bool  // committed less than half of postgres.MinRetention ago, and not after now, by the same clock
}

// end is the place in the feed behind the batch.
func (l *logRow) end() event.Position { return l.at(l.last) }

func (l *logRow) at(id int64) event.Position {
	return event.Position{Commit: l.commit, ID: id, Identity: l.identity}
}

// logColumns are what newLogRow decodes. The last is whether the row is young.
var logColumns = fmt.Sprintf(`commit_seq, first_id, last_id, stored, heap_blocks, instance, committed_at,
	committed_at BETWEEN now() - interval '%d seconds' AND now()`, int(postgres.MinRetention.Seconds()/2))

// log reads rows of the log. One page of a rare topic may need thousands, so their values are taken as they come,
// in the binary format.
func (r *Reader) log(ctx context.Context, rest string, args ...any) (log []logRow, err error) {
	args = append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)
	rows, err := r.pool.Query(ctx, "SELECT "+logColumns+" FROM ingot.batches "+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read the commit log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		log = append(log, newLogRow(rows.RawValues()))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the commit log: %w", err)
	}
	return log, nil
}

// newLogRow decodes the values of logColumns, none of which can be NULL.
func newLogRow(v [][]byte) logRow {
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(v[i])) }
	l := logRow{commit: number(0), first: number(1), last: number(2), stored: int(int32(binary.BigEndian.Uint32(v[3]))), heapBlocks: number(4), committed: number(6) + postgres.Epoch, young: v[7][0] != 0}
	l.identity = identity(&l, v[5])
	return l
}

// identity is a checksum that tells a row of the log from the row with the same commit_seq in another history, as
// after a failover or a restore.
func identity(l *logRow, instance []byte) uint32 {
	var b [40]byte
	binary.BigEndian.PutUint64(b[:], uint64(l.commit))
	binary.BigEndian.PutUint64(b[8:], uint64(l.first))
	binary.BigEndian.PutUint64(b[16:], uint64(l.committed))
	copy(b[24:], instance)
	return crc32.ChecksumIEEE(b[:])
}

// logFrom reads at most n rows of the log that a position has not passed, beginning with the batch that the position
// lies in. It fails with *event.CursorError if the position's batch is not in the log any more, or is another one now.
// It also refuses a position behind the last id of its batch: there is no such place, and a reader that followed the feed
// from one would be ahead of what is committed.
func (r *Reader) logFrom(ctx context.Context, at event.Position, n int) ([]logRow, error) {
	log, err := r.log(ctx, "WHERE commit_seq >= $1 ORDER BY commit_seq LIMIT $2", at.Commit, n+1)
	if err != nil || at.Commit == 0 {
		return log[:min(n, len(log))], err
	}
	if len(log) == 0 || log[0].commit != at.Commit || log[0].identity != at.Identity || at.ID > log[0].last {
		return nil, &event.CursorError{
			Gone: true, Oldest: event.Position{}.Cursor(),
			Detail: "the commit log it belongs to was rewound, or its beginning was deleted; the feed now begins at oldest_cursor",
		}
	}
	if at.ID >= log[0].last {
		log = log[1:]
	}
	return log[:min(n, len(log))], nil
}

// Start finds the position that "beginning", "now" or a cursor of the feed stands for. It fails with
// *event.CursorError when the feed cannot be followed from there.
func (r *Reader) Start(ctx context.Context, after string) (event.Position, error) {
	switch after {
	case "beginning":
		return event.Position{}, nil
	case "now":
		return r.endOfLog(ctx)
	}
	at, err := event.ParsePosition(after)
	if err == nil {
		_, err = r.logFrom(ctx, at, 1)
	}
	return at, err
}

// endOfLog is the place behind everything that is committed.
func (r *Reader) endOfLog(ctx context.Context) (event.Position, error) {
	log, err := r.log(ctx, "ORDER BY commit_seq DESC LIMIT 1")
	if err != nil || len(log) == 0 {
		return event.Position{}, err
	}
	return log[0].end(), nil
}
