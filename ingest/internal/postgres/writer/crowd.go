package writer

import (
	"strconv"
	"sync/atomic"
)

// crowd is who writes to the log, as seen from one writer: most batches are its own, or most are those of others. It
// looks when a batch folds, which tells how far the log has come by then. It is an estimate: no answer depends on it.
type crowd struct {
	logEnd int64 // number of the log's last row at the fold before; guarded by Writer.choosing
	others atomic.Bool
}

// Crowded tells whether most batches of the log came from other writers of late.
func (w *Writer) Crowded() bool { return w.crowd.others.Load() }

// saw takes in where the log ended when a batch folded, and how many batches this writer has sent since the fold
// before; 0: nobody knows.
func (c *crowd) saw(logEnd int64, sent int) {
	if all := logEnd - c.logEnd; sent > 0 && all > 0 {
		c.others.Store(all > 2*int64(sent))
	}
	c.logEnd = logEnd
}

// sawFold takes in a row of the answer to a batch's commit Query, which may be what its fold returned. The Query's
// other statements return no row with a text.
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
