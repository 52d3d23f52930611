package pipeline

import "ingot/internal/event"

// suspects asks the filter about every event of a batch; nil without a filter.
func (p *Pipeline) suspects(groups []event.Group) []bool {
	if p.filter == nil {
		return nil
	}
	suspects := p.guesses[:0]
	for g := range groups {
		events := groups[g].Events
		for i := range events {
			suspects = append(suspects, p.filter.Suspect(&events[i]))
		}
	}
	p.guesses = suspects
	return suspects
}

// learn tells the filter the keys of a committed batch, and counts how good its
// guesses were. A suspect that was stored was suspected wrongly.
func (p *Pipeline) learn(b event.Batch, stored []bool) {
	if p.filter == nil {
		return
	}
	for g := range b.Groups {
		events := b.Groups[g].Events
		for i := range events {
			p.filter.Add(&events[i])
		}
	}
	hits, wrong, missed := int64(0), int64(0), int64(0)
	for i, s := range stored {
		suspected := b.Suspects != nil && b.Suspects[i]
		switch {
		case suspected && s:
			wrong++
		case !suspected && !s:
			missed++
		}
		if suspected {
			hits++
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.FilterHits += hits
	p.stats.FilterFalsePositives += wrong
	p.stats.FilterMissedDuplicates += missed
}
