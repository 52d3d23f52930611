package reader

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// Guesses; BenchmarkRead, on ten million rows, shows when they are bad.
const (
	// Rows of the commit log are read in growing chunks: a page of large batches needs few of them, a filtered page
	// many.
	firstLogRows = 64
	maxLogRows   = 8192

	// The first step through the log takes batches with this many ids; later steps take more while they find
	// little.
	firstStepIDs = 8192

	// maxHeapSpan is how many blocks of the table may lie between the batches of one step.
	maxHeapSpan = 4096
)

// feed reads a page in commit order. It walks the commit log from the cursor, some batches a step, and finds the
// rows of each step.
func (r *Reader) feed(ctx context.Context, q event.Query) (event.Page, error) {
	at, err := event.ParsePosition(q.Cursor)
	if err != nil {
		return event.Page{}, err
	}
	page, err := r.feedFrom(ctx, q, at)
	if _, gone := errors.AsType[*event.CursorError](err); gone && at.Commit == 0 {
		return page, errMoved // the query has no cursor that could be gone: the log's beginning was deleted meanwhile
	}
	return page, err
}

func (r *Reader) feedFrom(ctx context.Context, q event.Query, at event.Position) (event.Page, error) {
	s, err := r.span(ctx, q)
	if err != nil {
		return event.Page{}, err
	}
	f := &feedWalk{reader: r, pageBuilder: newPage(q), at: at, stepIDs: firstStepIDs}
	if err := f.skipTo(ctx, s.begin); err != nil {
		return event.Page{}, err
	}
	var head *logRow
	for logRows := firstLogRows; !f.full(); logRows = min(4*logRows, maxLogRows) {
		log, err := r.logFrom(ctx, f.at, logRows)
		if err != nil {
			return event.Page{}, err
		}
		log = slices.DeleteFunc(log, func(l logRow) bool { return l.commit > s.until })
		if f.page.End = len(log) == 0; f.page.End {
			break
		}
		if head == nil {
			head = &log[0]
		}
		if err := f.walk(ctx, log); err != nil {
			return event.Page{}, err
		}
	}
	if err := r.stillThere(ctx, at, head); err != nil {
		return event.Page{}, err
	}
	f.page.At, f.page.Next = f.at, f.at.Cursor()
	return f.page, nil
}

// stillThere makes sure that nothing behind the cursor was deleted while a page was read. Since the log loses only
// its oldest rows, the cursor's own batch would be gone then, or, if the query has no cursor, the first batch of the
// page, which is head. While head is young by the database's clock, nothing behind the cursor can have been deleted
// (package retention). So following the end of the feed needs no such query. A batch whose time has not come yet is not
// young: nobody knows how old it is.
func (r *Reader) stillThere(ctx context.Context, at event.Position, head *logRow) error {
	if head == nil || head.young {
		return nil
	}
	if at.Commit == 0 {
		at = head.end()
	}
	_, err := r.logFrom(ctx, at, 0)
	return err
}

// feedWalk fills a page by walking through the log.
type feedWalk struct {
	*pageBuilder
	reader  *Reader
	at      event.Position // everything up to this place is in the page, or unwanted
	stepIDs int64
}

// skipTo moves on to begin if that lies ahead. It checks the cursor all the same, so that a bad one is reported.
func (f *feedWalk) skipTo(ctx context.Context, begin event.Position) error {
	if f.at.Compare(begin) >= 0 {
		return nil
	}
	_, err := f.reader.logFrom(ctx, f.at, 0)
	f.at = begin
	return err
}

// walk goes through rows of the log until the page is full.
func (f *feedWalk) walk(ctx context.Context, log []logRow) error {
	for len(log) > 0 && !f.full() {
		step := f.step(log, f.stepIDs)
		tooMany, err := f.read(ctx, step)
		if err != nil {
			return err
		}
		if !tooMany {
			log = log[len(step):]
		}
	}
	return nil
}

// step returns the part of the log that is looked at next: one batch, or several that have no more than that many ids.
// If every row is wanted, it takes no more batches than the page has room for.
func (b *pageBuilder) step(log []logRow, most int64) []logRow {
	n, ids, rows := 1, log[0].ids(), log[0].stored
	for n < len(log) && (rows < b.room() || !unfiltered(b.query)) {
		if ids += log[n].ids(); ids > most || !indexed(b.query) && far(&log[0], &log[n]) {
			break
		}
		rows += log[n].stored
		n++
	}
	return log[:n]
}

func (l *logRow) ids() int64 { return l.last - l.first + 1 }

// far tells whether two batches lie too far apart in the table to be looked for in one scan of it.
func far(a, b *logRow) bool {
	return max(a.heapBlocks-b.heapBlocks, b.heapBlocks-a.heapBlocks) > maxHeapSpan
}

// read adds the rows of a step to the page. Then it moves on: behind the step if the page took all of its rows, or
// else behind the last event that the page took.
func (f *feedWalk) read(ctx context.Context, step []logRow) (tooMany bool, err error) {
	found, tooMany, err := f.reader.find(ctx, f.query, step)
	if err != nil {
		return false, err
	}
	if tooMany { // this does not count as a step: a page that ended here would not have moved on
		f.stepIDs = max(f.stepIDs/4, 1)
		return true, nil
	}
	f.steps++
	found = slices.DeleteFunc(found, func(p place) bool { return p.row.at(p.id).Compare(f.at) <= 0 })
	slices.SortFunc(found, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.row.commit, b.row.commit), cmp.Compare(a.id, b.id))
	})
	if 4*len(found) < f.room() {
		f.grow()
	}
	before := len(f.page.Events)
	if err := f.reader.fetch(ctx, f.pageBuilder, found); err != nil {
		return false, err
	}
	switch taken := f.page.Events[before:]; {
	case len(taken) == len(found):
		f.at = step[len(step)-1].end()
	case len(taken) > 0:
		f.at = taken[len(taken)-1].Position
	}
	return false, nil
}

func (f *feedWalk) grow() {
	most := slicesAtOnce(f.query) << postgres.SliceBits
	if !indexed(f.query) {
		most = 8 * firstStepIDs // every row of the step is read
	}
	f.stepIDs = min(8*f.stepIDs, most)
}
