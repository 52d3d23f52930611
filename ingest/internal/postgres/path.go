package postgres

// WritePath says how rows get into the table.
type WritePath string

const (
	PathAuto   WritePath = "auto"   // direct while that pays, else staged
	PathStaged WritePath = "staged" // always by the merge
	PathDirect WritePath = "direct" // always try the direct path first
)

// The direct path is wrong once for each key that is there though nobody suspected
// it, and once for each suspect that is not there though nobody looked; then the whole
// batch is written twice. So it is taken only while such guesses are rare. The figures
// are guesses that keep the expected cost of wrong batches at a few percent.
const (
	// guessesToTrust is how many unsuspected keys must have been looked up before the
	// filter is believed. After a restart it knows nothing: every key is looked up
	// until it has proven itself.
	guessesToTrust = 2_000

	// guessesKept bounds the memory of the rates: over it all counts are halved.
	guessesKept = 100_000

	// checkedKeys is how many suspects the direct path's own Query may check. More of
	// them are looked up over other connections, on another core, while the batch before
	// is being written; that costs a round trip, and a second backend to wake up. A guess.
	checkedKeys = 64

	// wrongPerBatch is how many wrong guesses a batch may expect.
	wrongPerBatch = 0.02

	// A direct batch of looked-up keys can still lose against another ingester. When
	// that was so lately (a moving average over some ten batches), the staged path is
	// taken for a while.
	racesTolerated = 0.1
	raceMemory     = 0.1
	stagedFor      = 200
)

// pathChooser decides for each batch how it is written.
type pathChooser struct {
	path   WritePath
	seen   guesses
	races  float64 // moving share of direct batches that fell back
	staged int     // batches still to be staged because of races
}

// guesses counts guesses about keys of which the truth was seen.
type guesses struct {
	misses    float64 // not suspected
	wrong     float64 // of them, those that existed
	hits      float64 // suspected
	unfounded float64 // of them, those that did not exist
}

// plan is how one batch is written.
type plan struct {
	direct    bool
	lookUpAll bool // not only suspects
	check     bool // suspects are taken for known, and the direct path's Query makes sure
}

// plan chooses for a batch of n events. suspects is nil when there is no filter:
// then nothing is known about any key.
func (c *pathChooser) plan(n int, suspects []bool, brief bool) plan {
	switch {
	case brief || c.path == PathStaged:
		return plan{}
	case c.path == PathDirect:
		return plan{direct: true, check: c.believed(n)}
	case suspects == nil:
		return plan{}
	case c.staged > 0:
		c.staged--
		return plan{}
	}
	trusted := c.trusted(n)
	return plan{direct: true, lookUpAll: !trusted, check: trusted && c.believed(n)}
}

// trusted tells whether a batch of n unsuspected keys may go without a look-up.
func (c *pathChooser) trusted(n int) bool {
	return c.seen.misses >= guessesToTrust && c.seen.wrong/c.seen.misses*float64(n) <= wrongPerBatch
}

// believed tells whether the suspects of a batch of n events may be taken for known.
// It is new keys that become unfounded suspects, so the rate is one of all guesses.
func (c *pathChooser) believed(n int) bool {
	all := c.seen.misses + c.seen.hits
	return all >= guessesToTrust && c.seen.unfounded/all*float64(n) <= wrongPerBatch
}

// saw counts guesses of which the truth is known now.
func (c *pathChooser) saw(g guesses) {
	s := &c.seen
	s.misses += g.misses
	s.wrong += g.wrong
	s.hits += g.hits
	s.unfounded += g.unfounded
	if s.misses+s.hits > guessesKept {
		*s = guesses{s.misses / 2, s.wrong / 2, s.hits / 2, s.unfounded / 2}
	}
}

// ended notes how a direct batch ended.
func (c *pathChooser) ended(fellBack bool) {
	share := 0.0
	if fellBack {
		share = 1
	}
	c.races += raceMemory * (share - c.races)
	if c.races > racesTolerated && c.path == PathAuto {
		c.staged, c.races = stagedFor, 0
	}
}
