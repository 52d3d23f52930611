package postgres

import "ingot/internal/event"

// batch is one batch on its way.
type batch struct {
	groups      []event.Group
	suspects    []bool // by arrival order; nil: nobody was asked
	brief       bool   // wait for keys only for a moment
	received    int
	first, last int64  // its ids; 0 before they are taken
	known       []bool // by arrival order: found by the look-up; nil when none was made
	knownCount  int
	stored      []bool // by arrival order
	storedCount int
	begun       bool // the transaction is open
}

// countTopics adds up the stored events of each topic.
func (b *batch) countTopics(counts map[string]int64) {
	at := 0
	for g := range b.groups {
		events := b.groups[g].Events
		for i := range events {
			if b.stored[at] {
				counts[events[i].Topic]++
			}
			at++
		}
	}
}

// unsuspected counts the events that nobody suspected, and how many of them the
// look-up found all the same. After a direct batch without a look-up that is none:
// it would have broken.
func unsuspected(b *batch) (misses, wrong int) {
	for i, suspected := range b.suspects {
		if suspected {
			continue
		}
		misses++
		if b.known != nil && b.known[i] {
			wrong++
		}
	}
	return misses, wrong
}

// wrongInHindsight does the same for a batch that the staged path has stored in the
// end. Later copies of a key in the batch are no wrong guesses.
func wrongInHindsight(b *batch) (misses, wrong int) {
	if b.suspects == nil {
		return 0, 0
	}
	for _, r := range sortRows(&batch{groups: b.groups}, nil) {
		if b.suspects[r.at] {
			continue
		}
		misses++
		if !b.stored[r.at] {
			wrong++
		}
	}
	return misses, wrong
}
