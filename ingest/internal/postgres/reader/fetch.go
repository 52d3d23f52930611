package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ingot/internal/event"
)

const (
	// firstChunk is how many rows the first query of a page reads, or fewer if events on other pages were large lately.
	// After it the size of the rows that came tells how many more may fit. So firstChunk bounds how many rows are read
	// for nothing when a page runs out of bytes.
	firstChunk = 64

	// maxSteps and maxPageTime bound the work for one page. A page that reaches them is short, or empty, but its
	// cursor has advanced.
	maxSteps    = 256
	maxPageTime = 20 * time.Millisecond
)

// errMoved says that a row is no longer at the place where it was found a moment ago: somebody rewrote the table in
// between. The page is read again.
var errMoved = errors.New("rows moved while they were read")

// pageBuilder fills a page up to its limits.
type pageBuilder struct {
	page    event.Page
	query   event.Query
	bytes   int
	steps   int
	started time.Time
}

func newPage(q event.Query) *pageBuilder { return &pageBuilder{query: q, started: time.Now()} }

func (b *pageBuilder) room() int { return b.query.Limit - len(b.page.Events) }

// chunk is how many rows the next query should ask for: as many as the limit leaves, and no more than will probably
// fit into the bytes that are left. The first query assumes events of usual bytes, a later one the average of the page's
// own rows. A later query asks for at most as many rows as the page has already (or firstChunk), since large rows
// behind small ones would be read for nothing.
func (b *pageBuilder) chunk(usual int) int {
	n := len(b.page.Events)
	if n == 0 {
		return min(b.room(), firstChunk, max(b.query.MaxBytes/max(usual, 1), 1))
	}
	fit := (b.query.MaxBytes - b.bytes) / max(b.bytes/n, 1)
	return min(b.room(), max(fit, 1), max(n, firstChunk))
}

// full tells whether the page has reached its limit, its bytes, or the work that one page may take.
func (b *pageBuilder) full() bool {
	return b.filled() || b.steps >= maxSteps || b.steps > 0 && time.Since(b.started) > maxPageTime
}

func (b *pageBuilder) filled() bool { return b.room() <= 0 || b.bytes >= b.query.MaxBytes }

// take adds a row unless that would exceed the page's bytes. The first row is always taken: a page must not stay empty
// because one event is large.
func (b *pageBuilder) take(e event.Stored) bool {
	size := e.Size()
	if len(b.page.Events) > 0 && b.bytes+size > b.query.MaxBytes {
		b.bytes = b.query.MaxBytes
		return false
	}
	b.bytes += size
	b.page.Events = append(b.page.Events, e)
	return true
}

// fetch adds the rows at these places, in the order of the places, until the page is filled.
func (r *Reader) fetch(ctx context.Context, b *pageBuilder, places []place) error {
	for len(places) > 0 && !b.filled() {
		chunk := places[:min(b.chunk(int(r.usual.Load())), len(places))]
		places = places[len(chunk):]
		c, err := r.rowsAt(ctx, chunk, b.query.MaxBytes-b.bytes)
		if err != nil {
			return err
		}
		for i, p := range c.places {
			e := c.rows[i]
			if e.Event.ID == "" {
				return errMoved
			}
			if p.row != nil {
				e.Position = p.row.at(p.id)
			}
			if !b.take(e) {
				return nil
			}
		}
	}
	return nil
}

const eventColumns = `e.event_id, e.topic, e.id, e.source, e."timestamp", e.received_at, e.payload`

// rowsAt reads the rows at these places, and keeps those that a page with room for so many bytes may take.
func (r *Reader) rowsAt(ctx context.Context, places []place, room int) (*chunkRows, error) {
	c := newChunkRows(places, room)
	ctids := make([]pgtype.TID, len(places))
	for i, p := range places {
		ctids[i] = p.ctid
	}
	rows, err := r.pool.Query(ctx, "SELECT "+eventColumns+" FROM ingot.events AS e WHERE e.ctid = ANY($1)", ctids)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	read, bytes := 0, 0
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		read++
		bytes += e.Size()
		c.add(e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	r.sawSizes(read, bytes)
	return c, nil
}

// chunkRows are the rows of a chunk. They come in the order of the table, not of the page. As soon as the rows of the
// first places are more than the page has room for, the last places are given up, so that hundreds of large events
// behind small ones are not kept in memory.
type chunkRows struct {
	places      []place        // those that are not given up
	rows        []event.Stored // each at the index of its place; zero until it has come
	index       map[int64]int  // of a place, by its id
	bytes, room int
}

func newChunkRows(places []place, room int) *chunkRows {
	c := &chunkRows{places: places, rows: make([]event.Stored, len(places)), index: make(map[int64]int, len(places)), room: room}
	for i, p := range places {
		c.index[p.id] = i
	}
	return c
}

// add keeps a row unless its place is given up. It keeps one row more than the page has room for, the one that fills
// the page.
func (c *chunkRows) add(e event.Stored) {
	i, wanted := c.index[e.Position.ID]
	if !wanted || i >= len(c.places) {
		return
	}
	c.rows[i] = e
	c.bytes += e.Size()
	for {
		last := len(c.places) - 1
		size := c.rows[last].Size()
		if c.bytes-size <= c.room {
			return
		}
		c.rows[last] = event.Stored{}
		c.bytes -= size
		c.places = c.places[:last]
	}
}

// sawSizes moves the usual size of an event halfway to the average size of these events. If two pages do so at the same
// time one of the moves may get lost, which does no harm.
func (r *Reader) sawSizes(events, bytes int) {
	if events > 0 {
		r.usual.Store((r.usual.Load() + int64(bytes/events)) / 2)
	}
}

// scanEvent reads a row of eventColumns. It takes the payload as bytes: the text output of json is the bytes that
// the client sent.
func scanEvent(row pgx.Row) (event.Stored, error) {
	var e event.Stored
	var payload []byte
	err := row.Scan(&e.Event.ID, &e.Topic, &e.Position.ID, &e.Source, &e.Timestamp, &e.ReceivedAt, &payload)
	e.Timestamp, e.ReceivedAt = e.Timestamp.UTC(), e.ReceivedAt.UTC()
	e.Payload = string(payload)
	return e, err
}
