package pipeline

import "ingot/internal/event"

// suspects asks the filter about every event of a batch; nil without a filter.
func (p *Pipeline) suspects(f *flight, groups []event.Group) []bool {
	if p.filter == nil {
		return nil
	}
	suspects := f.guesses[:0]
	for _, e := range event.Each(groups) {
		suspects = append(suspects, p.filter.Suspect(e))
	}
	f.guesses = suspects
	return suspects
}

// learn adds to the filter keys that are committed, or about to be, except those that it suspected, which it has
// already. suspects is nil if it was not asked about this batch.
func (p *Pipeline) learn(groups []event.Group, suspects []bool) {
	if p.filter == nil {
		return
	}
	for at, e := range event.Each(groups) {
		if suspects == nil || !suspects[at] {
			p.filter.Add(e)
		}
	}
}

// count adds up how good the guesses about a committed batch were. A suspect that was
// stored was unfounded.
func (p *Pipeline) count(suspects, stored []bool) {
	if suspects == nil {
		return
	}
	hits, unfounded, missed := int64(0), int64(0), int64(0)
	for i, s := range stored {
		switch {
		case suspects[i] && s:
			unfounded++
		case !suspects[i] && !s:
			missed++
		}
		if suspects[i] {
			hits++
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.FilterHits += hits
	p.stats.FilterFalsePositives += unfounded
	p.stats.FilterMissedDuplicates += missed
}
