package postgres

import (
	"cmp"
	"slices"
	"sort"
)

// gapRead is how many foreign ids are read in vain rather than splitting a range. A guess.
const gapRead = 4096

// window is some rows of the log, sorted by their ids.
type window struct {
	rows     []*logRow
	stored   int
	los, his []int64 // ranges of their ids
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

// rowOf is the batch that an id belongs to; nil: none of the window.
func (w *window) rowOf(id int64) *logRow {
	i := sort.Search(len(w.rows), func(i int) bool { return w.rows[i].last >= id })
	if i == len(w.rows) || w.rows[i].first > id {
		return nil
	}
	return w.rows[i]
}

// blocks is where the rows of the window should stand: lo..hi-1; hi is 0 when that
// is not known. A page holds some 25 events of 300 bytes; other writers' rows stand
// between, and pages that a writer has begun are filled later.
func (w *window) blocks() (lo, hi int64) {
	lo = w.rows[0].blocks
	for _, l := range w.rows {
		if l.blocks == 0 {
			return 0, 0
		}
		lo, hi = min(lo, l.blocks-int64(32+l.stored/4)), max(hi, l.blocks)
	}
	return max(lo, 0), hi
}
