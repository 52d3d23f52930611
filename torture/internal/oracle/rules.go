package oracle

import (
	"fmt"
	"slices"
)

// Row is a row of the table, as SQL or the feed shows it.
type Row struct {
	Key   Key
	Print uint64
}

// rule is a statement about one key. broken says how the attempts and rows contradict
// it; "" is that they do not.
type rule struct {
	name   string
	live   bool // can be judged without the table, so while the run goes on
	broken func(attempts []*Attempt, rows []Row) string
}

var rules = []rule{
	{"at most one attempt on a key is told stored", true, storedTwice},
	{"a duplicate is of an attempt that could have come first", true, duplicateOfNothing},
	{"of the copies in one request the first is the stored one", true, laterCopyStored},
	{"told stored or duplicate: there is a row", false, toldAndGone},
	{"at most one row a key", false, rowTwice},
	{"only definite refusals: there is no row", false, refusedAndThere},
	{"a row, and nobody was told unknown: exactly one was told stored", false, rowOfNobody},
	{"the row has the bytes of the attempt that was told stored", false, otherBytes},
}

// judgeLocked holds the rules against one key. With live there are no rows, and only the live rules are judged.
func (h *History) judgeLocked(k Key, rows []Row, live bool) {
	attempts := h.keys[k]
	for _, r := range rules {
		if live && !r.live {
			continue
		}
		if how := r.broken(attempts, rows); how != "" {
			h.violateLocked(r.name, k, how, attempts)
		}
	}
}

func with(attempts []*Attempt, is func(Fate) bool) (found []*Attempt) {
	for _, a := range attempts {
		if is(a.Fate) {
			found = append(found, a)
		}
	}
	return found
}

func isStored(f Fate) bool { return f == Stored }

func storedTwice(attempts []*Attempt, _ []Row) string {
	if n := len(with(attempts, isStored)); n > 1 {
		return fmt.Sprintf("%d were", n)
	}
	return ""
}

func duplicateOfNothing(attempts []*Attempt, _ []Row) string {
	for _, d := range attempts {
		if d.Fate == Duplicate && !preceded(d, attempts) {
			return fmt.Sprintf("attempt %d is of none", d.Number)
		}
	}
	return ""
}

// preceded tells whether another attempt may have been stored before the answer.
func preceded(d *Attempt, attempts []*Attempt) bool {
	for _, x := range attempts {
		possible := x.Fate == Stored || x.Fate.undecided()
		later := x.Sending == d.Sending && x.Number > d.Number
		if possible && !later && x.Sent < d.Told {
			return true
		}
	}
	return false
}

func laterCopyStored(attempts []*Attempt, _ []Row) string {
	for _, later := range with(attempts, isStored) {
		for _, x := range attempts {
			if x.Sending == later.Sending && x.Number < later.Number && x.Fate == Duplicate {
				return fmt.Sprintf("attempt %d was, attempt %d was not", later.Number, x.Number)
			}
		}
	}
	return ""
}

func toldAndGone(attempts []*Attempt, rows []Row) string {
	if len(rows) == 0 && len(with(attempts, Fate.settled)) > 0 {
		return "there is none"
	}
	return ""
}

func rowTwice(_ []*Attempt, rows []Row) string {
	if len(rows) > 1 {
		return fmt.Sprintf("there are %d", len(rows))
	}
	return ""
}

func refusedAndThere(attempts []*Attempt, rows []Row) string {
	if len(rows) > 0 && len(with(attempts, Fate.settled)) == 0 && len(with(attempts, Fate.undecided)) == 0 {
		return "there is one"
	}
	return ""
}

func rowOfNobody(attempts []*Attempt, rows []Row) string {
	if len(rows) > 0 && len(with(attempts, Fate.undecided)) == 0 && len(with(attempts, isStored)) == 0 {
		return "nobody was"
	}
	return ""
}

// otherBytes wants each row to have the bytes of the attempt that was told stored, or of an undecided attempt if none
// was told stored.
func otherBytes(attempts []*Attempt, rows []Row) string {
	authors := with(attempts, isStored)
	if len(authors) == 0 {
		authors = with(attempts, Fate.undecided)
	}
	for _, r := range rows {
		if !slices.ContainsFunc(authors, func(a *Attempt) bool { return a.Print == r.Print }) {
			return "the row's are " + authorOf(attempts, r)
		}
	}
	return ""
}

func authorOf(attempts []*Attempt, r Row) string {
	for _, a := range attempts {
		if a.Print == r.Print {
			return fmt.Sprintf("those of attempt %d", a.Number)
		}
	}
	return "those of no attempt on this key"
}
