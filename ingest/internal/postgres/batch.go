package postgres

import "ingot/internal/event"

// batch is one batch on its way.
type batch struct {
	groups      []event.Group
	suspects    []bool // by arrival order; nil: nobody was asked
	brief       bool   // wait for keys only for a moment
	received    int
	first       int64    // of its ids, which follow each other; 0 before they are taken
	from        *session // whose block they are of
	known       []bool   // by arrival order: found by the look-up, or believed; nil when there are none
	knownCount  int
	knownTo     string // the server where they were looked up; "" when none were
	believed    []bool // of them, those that the direct path's Query has to check; nil when there are none
	stored      []bool // by arrival order
	storedCount int
	tried       bool // on the direct path
	begun       bool // the transaction is open
	folds       bool // it brings ingot.topics up to date
}

// count is the number of events in a batch.
func count(groups []event.Group) int {
	n := 0
	for i := range groups {
		n += len(groups[i].Events)
	}
	return n
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

// A look-up spares the merge the rows that exist already, and is a round trip to another
// backend: it is worth some 70 small rows, or fewer large ones. Guesses; with 30 in each batch of
// 100, 4 ingesters took an eighth less time for themselves without (docs/decisions/0022).
const (
	lookUpBytes = 32 << 10 // of payload
	rowBytes    = 256      // what a row costs besides
)

// costOfSuspects is what the merge spends on the suspects if all of them exist, in bytes
// of payload.
func (b *batch) costOfSuspects() (bytes int) {
	if b.suspects == nil {
		return 0
	}
	at := 0
	for g := range b.groups {
		events := b.groups[g].Events
		for i := range events {
			if b.suspects[at] {
				bytes += rowBytes + len(events[i].Payload)
			}
			at++
		}
	}
	return bytes
}

// believe takes the suspects for known, if they are few enough to be checked by the
// Query that writes the others.
func (b *batch) believe() {
	if n := b.suspected(); n > 0 && n <= checkedKeys {
		b.known, b.knownCount, b.believed = b.suspects, n, b.suspects
	}
}

// believeIn takes those of the keys in question for known that the batch before has,
// which will have been committed when this one is written, or have failed it.
func (b *batch) believeIn(before *batch, k keys) {
	type key struct{ id, topic string }
	missing := map[key][]int{}
	for i, at := range k.positions {
		if !b.known[at] {
			missing[key{k.ids[i], k.topics[i]}] = append(missing[key{k.ids[i], k.topics[i]}], at)
		}
	}
	if len(missing) == 0 {
		return
	}
	for g := range before.groups {
		for _, e := range before.groups[g].Events {
			for _, at := range missing[key{e.ID, e.Topic}] {
				b.believeAt(at)
			}
		}
	}
}

func (b *batch) believeAt(at int) {
	if b.known[at] {
		return
	}
	if b.believed == nil {
		b.believed = make([]bool, b.received)
	}
	b.known[at], b.believed[at] = true, true
	b.knownCount++
}

// doubtKnown takes back what was only believed, and what was looked up with it.
func (b *batch) doubtKnown() {
	if b.believed != nil {
		b.forgetKnown()
	}
}

func (b *batch) forgetKnown() {
	b.known, b.knownCount, b.knownTo, b.believed = nil, 0, "", nil
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
