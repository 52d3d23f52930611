package oracle

import (
	"fmt"
	"sync"
)

// Feed is the one order in which every reader of order=asc has to see the rows. The reader that comes to a position
// first says what stands there, for all others.
type Feed struct {
	history *History

	mu    sync.Mutex
	order []Row
	at    map[Key]int // the position of a row; nobody may see it at another
}

// NewFeed makes a feed of which nothing was seen.
func NewFeed(h *History) *Feed { return &Feed{history: h, at: map[Key]int{}} }

// Saw takes in the rows that a reader saw from a position on, counted from 0.
// Positions of one reader have to follow each other.
func (f *Feed) Saw(reader string, position int, rows []Row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range rows {
		if how := f.seeLocked(position+i, r); how != "" {
			f.history.violateKey("all readers of the feed see the same order, each row once", r.Key, reader+": "+how)
			return
		}
	}
}

func (f *Feed) seeLocked(p int, r Row) string {
	was, met := f.at[r.Key]
	switch {
	case p < len(f.order) && f.order[p] != r:
		return fmt.Sprintf("position %d holds %q, others saw %q", p, r.Key, f.order[p].Key)
	case p < len(f.order):
		return ""
	case met:
		return fmt.Sprintf("position %d holds %q, which stands at %d", p, r.Key, was)
	}
	f.at[r.Key] = p
	f.order = append(f.order, r)
	return ""
}

// CheckAll holds the feed against the table, once the readers have come to the end of the feed. ends is the position
// at which each of them stands.
func (f *Feed) CheckAll(rows []Row, ends map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const name = "the feed is the table"
	for reader, end := range ends {
		if end != len(rows) {
			f.history.Violate(name, fmt.Sprintf("%s saw %d of %d rows", reader, end, len(rows)))
		}
	}
	for _, r := range rows {
		p, met := f.at[r.Key]
		switch {
		case !met:
			f.history.violateKey(name, r.Key, "the row was never shown")
		case f.order[p] != r:
			f.history.violateKey(name, r.Key, "the row has other bytes than the feed has shown")
		}
	}
}
