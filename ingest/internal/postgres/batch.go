package postgres

import "ingot/internal/event"

// batch is one batch on its way.
type batch struct {
	groups      []event.Group
	suspects    []bool // by arrival order; nil: nobody was asked
	brief       bool   // wait for keys only for a moment
	received    int
	first, last int64  // its ids; 0 before they are taken
	known       []bool // by arrival order: found by the look-up, or to be checked; nil when there are none
	knownCount  int
	check       bool   // known is what the filter says; the direct path's Query makes sure
	stored      []bool // by arrival order
	storedCount int
	begun       bool // the transaction is open
}

// suspected counts the suspects.
func (b *batch) suspected() (n int) {
	for _, suspected := range b.suspects {
		if suspected {
			n++
		}
	}
	return n
}

// believe takes the suspects for known, if they are few enough to be checked by the
// Query that writes the others, and if there are others.
func (b *batch) believe() {
	n := b.suspected()
	if n == 0 || n == b.received || n > checkedKeys {
		return
	}
	b.check, b.known, b.knownCount = true, b.suspects, n
}

// doubtKnown takes back what was only believed.
func (b *batch) doubtKnown() {
	if b.check {
		b.known, b.knownCount = nil, 0
	}
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

// guesses counts what the batch has shown of the filter's guesses. After a direct
// batch without a look-up that is none wrong: it would have broken.
func (b *batch) guesses() (g guesses) {
	for i, suspected := range b.suspects {
		known := b.known != nil && b.known[i]
		g.add(suspected, known)
	}
	return g
}

// guessesInHindsight does the same for a batch that the staged path has stored in the
// end. Later copies of a key in the batch are no guesses.
func (b *batch) guessesInHindsight() (g guesses) {
	if b.suspects == nil {
		return g
	}
	for _, r := range sortRows(&batch{groups: b.groups}, nil) {
		g.add(b.suspects[r.at], !b.stored[r.at])
	}
	return g
}

func (g *guesses) add(suspected, existed bool) {
	switch {
	case suspected:
		g.hits++
		if !existed {
			g.unfounded++
		}
	default:
		g.misses++
		if existed {
			g.wrong++
		}
	}
}
