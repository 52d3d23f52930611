package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingot/internal/event"
)

const (
	// firstChunk is how many rows the first query of a page asks for; the size of
	// what came tells the next ones how many may fit. It bounds what is read in vain
	// when a page's bytes run out.
	firstChunk = 128

	// maxSteps bounds the queries of one page. A page may be short; its cursor has
	// advanced.
	maxSteps = 64
)

// pageBuilder fills a page up to its limits.
type pageBuilder struct {
	page  event.Page
	query event.Query
	bytes int
	steps int
}

func (b *pageBuilder) room() int { return b.query.Limit - len(b.page.Events) }

// chunk is how many rows the next query should ask for: what the limit leaves, or
// what the bytes leave if rows go on being as large as they were.
func (b *pageBuilder) chunk() int {
	n := len(b.page.Events)
	if n == 0 {
		return min(b.room(), firstChunk)
	}
	fit := (b.query.MaxBytes - b.bytes) / max(b.bytes/n, 1)
	return min(b.room(), max(fit, 1))
}

// full: the limit is reached, or the bytes are, or the work for one page is done.
func (b *pageBuilder) full() bool {
	return b.room() <= 0 || b.steps >= maxSteps || b.bytes >= b.query.MaxBytes
}

// take adds a row unless its bytes go over the bound; a page is never left empty
// because one event is large.
func (b *pageBuilder) take(e event.Stored) bool {
	size := len(e.ID) + len(e.Topic) + len(e.Source) + len(e.Payload)
	if len(b.page.Events) > 0 && b.bytes+size > b.query.MaxBytes {
		b.bytes = b.query.MaxBytes
		return false
	}
	b.bytes += size
	b.page.Events = append(b.page.Events, e)
	return true
}

// indexed tells whether the filters lead to few rows by an index of their own, so
// that a query may span any range of ids.
func indexed(q event.Query) bool { return q.Topic != "" || q.EventID != "" }

// rows adds the matching rows with ids in lo..hi to the page, upwards in feed order
// and downwards otherwise, and returns the last id that is settled: up to there
// nothing is missing. It lies one before the range when nothing is.
func (r *Reader) rows(ctx context.Context, b *pageBuilder, lo, hi int64) (int64, error) {
	b.steps++
	limit := b.chunk()
	sql, args := rowsQuery(b.query, lo, hi, limit)
	result, err := r.pool.Query(ctx, sql, args...)
	if err != nil {
		return 0, fmt.Errorf("read events: %w", err)
	}
	defer result.Close()
	settled, end := lo-1, hi
	if !b.query.Feed {
		settled, end = hi+1, lo
	}
	read := 0
	for result.Next() {
		e, err := scanEvent(result)
		if err != nil {
			return 0, fmt.Errorf("read events: %w", err)
		}
		if !b.take(e) {
			return settled, nil
		}
		settled = e.Seq
		read++
	}
	if err := result.Err(); err != nil {
		return 0, fmt.Errorf("read events: %w", err)
	}
	if read < limit {
		return end, nil
	}
	return settled, nil
}

func scanEvent(row pgx.Rows) (event.Stored, error) {
	var e event.Stored
	var payload []byte
	err := row.Scan(&e.ID, &e.Topic, &e.Seq, &e.Source, &e.Timestamp, &e.ReceivedAt, &payload)
	e.Timestamp, e.ReceivedAt = e.Timestamp.UTC(), e.ReceivedAt.UTC()
	e.Payload = string(payload)
	return e, err
}

func rowsQuery(q event.Query, lo, hi int64, limit int) (sql string, args []any) {
	args = []any{lo, hi}
	where := []string{"e.id BETWEEN $1 AND $2"}
	and := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.EventID != "" {
		and("e.event_id = $%d", q.EventID)
	}
	if q.Topic != "" {
		and("e.topic = $%d", q.Topic)
	}
	if q.Source != "" {
		and("e.source = $%d", q.Source)
	}
	if !q.Since.IsZero() {
		and("e.received_at >= $%d", q.Since)
	}
	if !q.Until.IsZero() {
		and("e.received_at < $%d", q.Until)
	}
	order := "DESC"
	if q.Feed {
		order = "ASC"
	}
	// The payload is asked for as it is: json's text output is the bytes sent.
	return fmt.Sprintf(`SELECT e.event_id, e.topic, e.id, e.source, e."timestamp", e.received_at, e.payload
		FROM ingot.events AS e WHERE %s ORDER BY e.id %s LIMIT %d`, strings.Join(where, " AND "), order, limit), args
}
