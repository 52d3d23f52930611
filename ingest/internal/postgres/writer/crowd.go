package writer

import (
	"strconv"
	"sync/atomic"
)

// crowd estimates whether most batches of the log come from other writers. It learns this whenever a batch folds, which
// returns how far the log has come. No answer depends on it.
type crowd struct {
	logEnd int64 // number of the log's last row at the fold before; guarded by Writer.choosing
	others atomic.Bool
}

// Crowded tells whether most batches of the log came from other writers lately.
func (w *Writer) Crowded() bool { return w.crowd.others.Load() }

// saw learns where the log ended when a batch folded, and how many batches this writer has sent since the fold before;
// 0: not known.
func (c *crowd) saw(logEnd int64, sent int) {
	if all := logEnd - c.logEnd; sent > 0 && all > 0 {
		c.others.Store(all > 2*int64(sent))
	}
	c.logEnd = logEnd
}

// sawFold handles a row of the answer to a batch's commit Query, which may be the one that its fold returned: the other
// statements return no row with a text.
func (w *Writer) sawFold(b *batch, values [][]byte) {
	if len(values) != 1 || len(values[0]) == 0 {
		return
	}
	if end, err := strconv.ParseInt(string(values[0]), 10, 64); err == nil {
		w.choosing.Lock()
		defer w.choosing.Unlock()
		w.crowd.saw(end, b.sinceFold)
	}
}
