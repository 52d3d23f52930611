package oracle

import "fmt"

// CheckTold holds a table against what clients were told up to a tick, after which it was read: each acknowledged
// event is there once, also right after a crash, and one that was told stored has the right bytes.
func (h *History) CheckTold(rows []Row, until int64) {
	table := byKey(rows)
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, attempts := range h.keys {
		told := settledUntil(attempts, until)
		if how := toldAndGone(told, table[k]); how != "" {
			h.violateLocked("told stored or duplicate: there is a row", k, how, attempts)
		}
		if how := rowTwice(told, table[k]); how != "" {
			h.violateLocked("at most one row a key", k, how, attempts)
		}
		if how := otherBytes(told, table[k]); len(with(told, isStored)) > 0 && how != "" {
			h.violateLocked("the row has the bytes of the attempt that was told stored", k, how, attempts)
		}
	}
}

func settledUntil(attempts []*Attempt, until int64) (told []*Attempt) {
	for _, a := range attempts {
		if a.Fate.settled() && a.Told <= until {
			told = append(told, a)
		}
	}
	return told
}

// CheckAll holds the whole table against the whole history. No attempt may be under way.
func (h *History) CheckAll(rows []Row) {
	table := byKey(rows)
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.keys {
		h.judgeLocked(k, table[k], false)
	}
	for k, found := range table {
		if len(h.keys[k]) == 0 {
			h.violateLocked("every row was sent", k, fmt.Sprintf("%d rows that nobody sent", len(found)), nil)
		}
	}
}

func byKey(rows []Row) map[Key][]Row {
	table := make(map[Key][]Row, len(rows))
	for _, r := range rows {
		table[r.Key] = append(table[r.Key], r)
	}
	return table
}

// Totals are the figures of /stats beside a count of the rows.
type Totals struct{ Rows, Unique, Received, Duplicates int64 }

// CheckTotals holds /stats against the table and the history.
func (h *History) CheckTotals(t Totals) {
	c := h.Counts()
	definite := c.Stored + c.Duplicates
	if t.Unique != t.Rows {
		h.Violate("unique_processed is the number of rows", fmt.Sprintf("%d, with %d rows", t.Unique, t.Rows))
	}
	if t.Received != t.Unique+t.Duplicates {
		h.Violate("received is stored and duplicates", fmt.Sprintf("%+v", t))
	}
	if t.Received < definite || t.Received > definite+c.Unknown {
		h.Violate("received lies between what is definite and what is unknown besides",
			fmt.Sprintf("%d, with %d definite and %d unknown", t.Received, definite, c.Unknown))
	}
}
