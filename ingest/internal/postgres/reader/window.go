package reader

import (
	"cmp"
	"slices"
)

// gapRead is the largest gap between the ids of two batches that does not split a range: the rows in the gap are read
// for nothing. A guess.
const gapRead = 4096

// window is some rows of the log that have stored events, sorted by their ids.
type window struct {
	rows     []*logRow
	stored   int
	los, his []int64 // the ranges of ids that they lie in
}

func newWindow(log []logRow) *window {
	w := &window{}
	for i := range log {
		if log[i].stored > 0 {
			w.rows = append(w.rows, &log[i])
			w.stored += log[i].stored
		}
	}
	slices.SortFunc(w.rows, func(a, b *logRow) int { return cmp.Compare(a.first, b.first) })
	for _, l := range w.rows {
		if n := len(w.his); n > 0 && l.first <= w.his[n-1]+gapRead {
			w.his[n-1] = l.last
			continue
		}
		w.los, w.his = append(w.los, l.first), append(w.his, l.last)
	}
	return w
}

// rowOf is the batch of the window that an id belongs to, or nil.
func (w *window) rowOf(id int64) *logRow {
	i, _ := slices.BinarySearchFunc(w.rows, id, func(l *logRow, id int64) int { return cmp.Compare(l.last, id) })
	if i == len(w.rows) || w.rows[i].first > id {
		return nil
	}
	return w.rows[i]
}

// heapBlocks is the range of the table's blocks in which the rows of the window should be: lo to hi-1; hi is 0 when
// that is not known. A block holds some 25 events of 300 bytes. The range is larger than that requires, because rows of
// other writers are in between, and a block that one writer has begun is filled later.
func (w *window) heapBlocks() (lo, hi int64) {
	lo = w.rows[0].heapBlocks
	for _, l := range w.rows {
		if l.heapBlocks == 0 {
			return 0, 0
		}
		lo, hi = min(lo, l.heapBlocks-int64(32+l.stored/4)), max(hi, l.heapBlocks)
	}
	return max(lo, 0), hi
}
