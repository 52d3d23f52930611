package writer

import "ingot/internal/event"

// batch is one batch, and how far it has come. Slices with one entry per event are in arrival order.
type batch struct {
	event.Batch
	committing  func() // tells the caller that COMMIT is about to go out
	received    int
	first       int64  // first id; the others follow it; 0 before ids are taken
	known       []bool // keys that the look-up found, or that are believed to exist; nil when there are none
	knownTo     string // the server that looked the keys up; "" when none were looked up
	believed    []bool // those of known that the direct path's Query has to check; nil when there are none
	stored      []bool // events that became rows
	storedCount int
	folds       bool // its commit Query folds: it brings ingot.topics up to date
	sinceFold   int  // if so: how many batches its connection has sent since the last that folded; 0: it is the first that does
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
	for _, suspected := range b.Suspects {
		if suspected {
			n++
		}
	}
	return n
}

// A look-up spares the merge the rows that exist already, but costs a round trip to another backend. It pays when it
// spares some 70 small rows, or fewer large ones. Guesses. With 30 suspects in each batch of 100, 4 ingesters used an
// eighth less processor time without look-ups (docs/decisions/0022).
const (
	lookUpBytes = 32 << 10 // of payload
	rowBytes    = 256      // what a row costs besides its payload
)

// costOfSuspects is what the merge spends on the suspects if all of them exist, counted in bytes of payload.
func (b *batch) costOfSuspects() (bytes int) {
	if b.Suspects == nil {
		return 0
	}
	for at, e := range event.Each(b.Groups) {
		if b.Suspects[at] {
			bytes += rowBytes + len(e.Payload)
		}
	}
	return bytes
}

// believe assumes that the suspects exist, without a look-up, if they are few enough for the batch's own Query to
// check.
func (b *batch) believe() {
	if n := b.suspected(); n > 0 && n <= checkedKeys {
		b.known, b.believed = b.Suspects, b.Suspects
	}
}

// believeIn deals with the keys of k that the look-up did not find. Those that the batch before has are assumed to
// exist: when this batch is written, the batch before has either stored them, or has failed, and this one fails too.
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
	for _, e := range event.Each(before.Groups) {
		for _, at := range missing[key{e.ID, e.Topic}] {
			if b.believed == nil {
				b.believed = make([]bool, b.received)
			}
			b.known[at], b.believed[at] = true, true
		}
	}
}

func (b *batch) forgetKnown() {
	b.known, b.knownTo, b.believed = nil, "", nil
}

// countTopics adds up the stored events of each topic.
func (b *batch) countTopics(counts map[string]int64) {
	for at, e := range event.Each(b.Groups) {
		if b.stored[at] {
			counts[e.Topic]++
		}
	}
}
