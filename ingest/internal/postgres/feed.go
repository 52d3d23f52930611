package postgres

import (
	"context"
	"fmt"
	"hash/crc32"
	"sort"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ingot/internal/event"
)

// Rows of the commit log are read in growing pieces: a page of large batches needs
// few, a filtered one many.
const (
	firstLogRows = 64
	maxLogRows   = 1024
)

// windowIDs is how many ids one query looks at where only BRIN helps: twice the
// largest page, so that a page of a log with few duplicates is one query.
const windowIDs = 2048

// logRow is a row of the commit log as far as reading needs it.
type logRow struct {
	commitSeq int64
	firstID   int64
	lastID    int64
	identity  uint32
}

// feed reads a page in commit order: it walks the commit log from the cursor and
// reads the ids of each batch. Batches that follow each other in the log and in
// their ids are read as one run.
func (r *Reader) feed(ctx context.Context, q event.Query) (event.Page, error) {
	at, err := parseFeedCursor(q.Cursor)
	if err != nil {
		return event.Page{}, err
	}
	b := &pageBuilder{query: q}
	for logRows := firstLogRows; !b.full(); logRows = min(4*logRows, maxLogRows) {
		log, err := r.logFrom(ctx, at, logRows)
		if err != nil {
			return event.Page{}, err
		}
		if len(log) == 0 {
			break
		}
		for len(log) > 0 && !b.full() {
			run := firstRun(log)
			if at, err = r.feedRun(ctx, b, run, at); err != nil {
				return event.Page{}, err
			}
			log = log[len(run):]
		}
		b.steps++
	}
	if b.page.Next = q.Cursor; at != (feedPosition{}) {
		b.page.Next = at.cursor()
	}
	return b.page, nil
}

// logFrom reads the rows of the log behind a position, and checks that the
// position still is what it was.
func (r *Reader) logFrom(ctx context.Context, at feedPosition, logRows int) ([]logRow, error) {
	rows, err := r.pool.Query(ctx, `SELECT commit_seq, first_id, last_id, instance, committed_at::text
		FROM ingot.batches WHERE commit_seq >= $1 ORDER BY commit_seq LIMIT $2`, at.commitSeq, logRows+1)
	if err != nil {
		return nil, fmt.Errorf("read the commit log: %w", err)
	}
	log, err := pgx.CollectRows(rows, scanLogRow)
	if err != nil {
		return nil, fmt.Errorf("read the commit log: %w", err)
	}
	if at.commitSeq == 0 {
		return log, nil
	}
	if len(log) == 0 || log[0].commitSeq != at.commitSeq || log[0].identity != at.identity {
		return nil, &event.CursorError{Gone: true, Detail: "the log it belongs to was rewound or cut; start again from the beginning"}
	}
	if at.id >= log[0].lastID {
		return log[1:], nil
	}
	log[0].firstID = at.id + 1
	return log, nil
}

func scanLogRow(row pgx.CollectableRow) (logRow, error) {
	var l logRow
	var instance uuid.UUID
	var committedAt string
	if err := row.Scan(&l.commitSeq, &l.firstID, &l.lastID, &instance, &committedAt); err != nil {
		return l, err
	}
	// last_id and not first_id, which logFrom moves: both are fixed when written.
	l.identity = crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %d %s %s", l.commitSeq, l.lastID, instance, committedAt))
	return l, nil
}

// firstRun is the longest beginning of the log whose ids have no gap.
func firstRun(log []logRow) []logRow {
	n := 1
	for n < len(log) && log[n].firstID == log[n-1].lastID+1 {
		n++
	}
	return log[:n]
}

// feedRun reads a run into the page and returns the position reached.
func (r *Reader) feedRun(ctx context.Context, b *pageBuilder, run []logRow, at feedPosition) (feedPosition, error) {
	last := run[len(run)-1]
	end := last.lastID
	if end < run[0].firstID { // void rows of the log: nothing to read, but to go past
		return feedPosition{commitSeq: last.commitSeq, id: end, identity: last.identity}, nil
	}
	for lo := run[0].firstID; lo <= end && !b.full(); {
		hi := end
		if !indexed(b.query) {
			hi = min(end, lo+windowIDs-1)
		}
		settled, err := r.rows(ctx, b, lo, hi)
		if err != nil {
			return at, err
		}
		if settled >= lo {
			at = positionOf(run, settled)
		}
		lo = settled + 1
	}
	return at, nil
}

// positionOf is the place behind id, which lies in the run. Behind the end of a
// batch, void rows that follow it in the log are passed too.
func positionOf(run []logRow, id int64) feedPosition {
	i := sort.Search(len(run), func(i int) bool { return run[i].lastID > id })
	if i == len(run) || run[i].firstID > id {
		i--
	}
	return feedPosition{commitSeq: run[i].commitSeq, id: id, identity: run[i].identity}
}
