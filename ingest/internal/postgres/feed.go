package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"ingot/internal/event"
)

// Guesses; BenchmarkRead, on ten million rows, tells when they are bad.
const (
	// Rows of the commit log are read in growing pieces: a page of large batches needs
	// few, a filtered one many.
	firstLogRows = 64
	maxLogRows   = 8192

	// A step through the log begins with this many ids, and grows while it finds little.
	firstStepIDs = 8192

	// maxHeapSpan is how many blocks of the table one step may lie apart.
	maxHeapSpan = 4096
)

// feed reads a page in commit order: it walks the commit log from the cursor, some
// batches a step, and finds their rows.
func (r *Reader) feed(ctx context.Context, q event.Query) (event.Page, error) {
	at, err := event.ParsePosition(q.Cursor)
	if err != nil {
		return event.Page{}, err
	}
	page, err := r.feedFrom(ctx, q, at)
	if gone := (*event.CursorError)(nil); at.Commit == 0 && errors.As(err, &gone) {
		return page, errMoved // it is the log's begin that has: nobody has asked for a place that could be gone
	}
	return page, err
}

func (r *Reader) feedFrom(ctx context.Context, q event.Query, at event.Position) (event.Page, error) {
	s, err := r.span(ctx, q)
	if err != nil {
		return event.Page{}, err
	}
	f := &feedWalk{reader: r, pageBuilder: newPage(q), at: at, until: s.until, stepIDs: firstStepIDs}
	if err := f.skipTo(ctx, s.begin); err != nil {
		return event.Page{}, err
	}
	var head *logRow
	for logRows := firstLogRows; !f.full(); logRows = min(4*logRows, maxLogRows) {
		log, err := r.logFrom(ctx, f.at, logRows)
		if err != nil {
			return event.Page{}, err
		}
		if f.page.End = len(log) == 0 || log[0].commit > f.until; f.page.End {
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

// stillThere makes sure that nothing behind a cursor was deleted while a page was read: the log loses its
// head alone, so the cursor's own batch would be gone, or, where there is none, the first of the page. That
// is head; while it is young, by the clock that it was committed by, nothing is deleted (prune.go), so that the end of the
// feed is followed without asking.
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

// feedWalk is a page on its way through the log.
type feedWalk struct {
	*pageBuilder
	reader  *Reader
	at      event.Position // everything up to here is in the page, or unwanted
	until   int64          // no batch behind this
	stepIDs int64
}

// skipTo leaves out what lies before begin. The cursor must be good all the same.
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
	for len(log) > 0 && log[0].commit <= f.until && !f.full() {
		step := f.step(log)
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

// step is how much of the log is looked at next: at least one batch. Where every row
// is wanted, no more than the page has room for.
func (f *feedWalk) step(log []logRow) []logRow {
	n, ids, rows := 1, log[0].ids(), log[0].stored
	for n < len(log) && log[n].commit <= f.until && (rows < f.room() || !unfiltered(f.query)) {
		if ids += log[n].ids(); ids > f.stepIDs || !indexed(f.query) && far(&log[0], &log[n]) {
			break
		}
		rows += log[n].stored
		n++
	}
	return log[:n]
}

func (l *logRow) ids() int64 { return l.last - l.first + 1 }

// far batches are not looked for in one scan of the table.
func far(a, b *logRow) bool { return max(a.blocks-b.blocks, b.blocks-a.blocks) > maxHeapSpan }

// read adds a step's rows to the page and moves on: behind the step, or behind the
// last event taken.
func (f *feedWalk) read(ctx context.Context, step []logRow) (tooMany bool, err error) {
	found, tooMany, err := f.reader.find(ctx, f.query, step)
	if err != nil {
		return false, err
	}
	if tooMany { // no step: a page that ends here would have gone nowhere
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
	most := slicesAtOnce(f.query) << sliceBits
	if !indexed(f.query) {
		most = 8 * firstStepIDs // all of it is read
	}
	f.stepIDs = min(8*f.stepIDs, most)
}
