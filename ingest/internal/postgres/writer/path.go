package writer

// Path says how rows get into the table.
type Path string

const (
	PathAuto   Path = "auto"   // direct while that pays, else staged
	PathStaged Path = "staged" // always by the merge
	PathDirect Path = "direct" // always try the direct path first
)

// The direct path fails if a key exists that the filter did not suspect, unless it was looked up, or if a suspect that
// was not looked up does not exist. Then the whole batch is written twice. So the path is taken only while such wrong
// guesses are rare. The figures below were chosen by guess, to keep the expected cost of failed batches at a few percent.
const (
	// guessesToTrust is how many guesses must have been checked before the filter is believed: guesses about keys that
	// it does not suspect (trusted), or all guesses (believed). After a restart the filter knows nothing, and every key
	// is looked up until it has proven itself.
	guessesToTrust = 2_000

	// guessesKept bounds how far back the rates reach: when there are more guesses, all counts are halved.
	guessesKept = 100_000

	// checkedKeys is how many suspects the direct path's own Query may check. If there are more they are looked up over
	// other connections, on another core, while the batch before is being written, which costs a round trip and waking
	// up a second backend. A guess.
	checkedKeys = 64

	// wrongPerBatch is how many wrong guesses may be expected in a batch that goes without a look-up.
	wrongPerBatch = 0.02

	// A direct batch of looked-up keys can still lose a race for a key to another ingester. When more than the share
	// racesTolerated of the direct batches did so lately (a moving average over some ten batches), the staged path is
	// taken for the next stagedFor batches.
	racesTolerated = 0.1
	raceMemory     = 0.1
	stagedFor      = 200
)

// pathChooser decides for each batch how it is written.
type pathChooser struct {
	path   Path
	seen   guesses
	races  float64 // moving share of direct batches that fell back
	staged int     // batches still to be staged because of races
}

// plan is how one batch is written.
type plan struct {
	direct    bool
	lookUpAll bool // every key of the batch is looked up, not only suspects
	check     bool // suspects are taken for known, and the direct path's Query checks that they are
}

// plan chooses the plan of a batch of n events. suspects is nil when there is no filter: then nothing is known
// about any key.
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

// trusted tells whether the keys that nobody suspects, in a batch of n events, may go without a look-up.
func (c *pathChooser) trusted(n int) bool {
	return c.seen.misses >= guessesToTrust && c.seen.wrong/c.seen.misses*float64(n) <= wrongPerBatch
}

// believed tells whether the suspects of a batch of n events may be taken for known. An unfounded suspect is a new
// key, and any of the n events may be one, so the rate is that of all guesses.
func (c *pathChooser) believed(n int) bool {
	all := c.seen.misses + c.seen.hits
	return all >= guessesToTrust && c.seen.unfounded/all*float64(n) <= wrongPerBatch
}

// saw adds guesses of which the truth is known now.
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

// ended notes whether a direct batch fell back to the staged path.
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
