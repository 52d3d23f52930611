package writer

// guesses counts the filter's guesses about keys whose truth is known by now.
type guesses struct {
	misses    float64 // keys that were not suspected
	wrong     float64 // of them, those that existed
	hits      float64 // keys that were suspected
	unfounded float64 // of them, those that did not exist
}

// add counts a guess whose truth is known now.
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

// guesses counts which guesses of the filter have proven right or wrong by this batch. A direct batch that was not
// looked up has no wrong guess: a wrong one would have made it fail.
func (b *batch) guesses() (g guesses) {
	for i, suspected := range b.Suspects {
		known := b.known != nil && b.known[i]
		g.add(suspected, known)
	}
	return g
}

// guessesInHindsight does the same for a batch that failed on the direct path and was then stored on the staged
// one. Later copies of a key in the batch do not count as guesses.
func (b *batch) guessesInHindsight() (g guesses) {
	if b.Suspects == nil {
		return g
	}
	for _, r := range sortRows(&batch{Batch: b.Batch}, nil) {
		g.add(b.Suspects[r.at], !b.stored[r.at])
	}
	return g
}
