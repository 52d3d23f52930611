package postgres

// WritePath says how rows get into the table.
type WritePath string

const (
	PathAuto   WritePath = "auto"   // direct while that pays, else staged
	PathStaged WritePath = "staged" // always by the staging table
	PathDirect WritePath = "direct" // always try the direct path first
)

// The direct path is wrong once for each key that is there though nobody suspected
// it, and then the whole batch is written twice. So it is taken only while such
// misses are rare. The figures are guesses that keep the expected cost of wrong
// batches at a few percent.
const (
	// missesToTrust is how many unsuspected keys must have been looked up before the
	// filter is believed. After a restart it knows nothing: every key is looked up
	// until it has proven itself.
	missesToTrust = 2_000

	// missesKept bounds the memory of the rate: over it both counts are halved.
	missesKept = 100_000

	// wrongPerBatch is how many wrong guesses a batch may expect.
	wrongPerBatch = 0.02

	// A direct batch of looked-up keys can still lose against another ingester. When
	// that was so lately (a moving average over some ten batches), the staged path is
	// taken for a while.
	racesTolerated = 0.1
	raceMemory     = 0.1
	stagedFor      = 200
)

// pathChooser decides for each batch how it is written. It belongs to the writer.
type pathChooser struct {
	path   WritePath
	misses float64 // unsuspected keys whose truth was seen
	wrong  float64 // of them, those that existed
	races  float64 // moving share of direct batches that fell back
	staged int     // batches still to be staged because of races
}

// plan is how one batch is written.
type plan struct {
	direct    bool
	lookUpAll bool // not only suspects
}

// plan chooses for a batch of n events. suspects is nil when there is no filter:
// then nothing is known about any key.
func (c *pathChooser) plan(n int, suspects []bool, brief bool) plan {
	switch {
	case brief || c.path == PathStaged:
		return plan{}
	case c.path == PathDirect:
		return plan{direct: true}
	case suspects == nil:
		return plan{}
	case c.staged > 0:
		c.staged--
		return plan{}
	}
	return plan{direct: true, lookUpAll: !c.trusted(n)}
}

// trusted tells whether a batch of n unsuspected keys may go without a look-up.
func (c *pathChooser) trusted(n int) bool {
	return c.misses >= missesToTrust && c.wrong/c.misses*float64(n) <= wrongPerBatch
}

// saw counts unsuspected keys of which the truth is known now.
func (c *pathChooser) saw(misses, wrong int) {
	c.misses += float64(misses)
	c.wrong += float64(wrong)
	if c.misses > missesKept {
		c.misses /= 2
		c.wrong /= 2
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
