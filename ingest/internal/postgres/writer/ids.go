package writer

import (
	"context"
	"fmt"

	"ingot/ingest/internal/postgres"
)

// number gives the batch ids, and clears its result. It may be called again after a failed try: the batch gets new
// ids, since no id is used twice.
func (s *session) number(ctx context.Context, b *batch) (err error) {
	if b.first, err = s.takeIDs(ctx, b.received); err != nil {
		return err
	}
	b.stored, b.storedCount = make([]bool, b.received), 0
	return nil
}

// takeIDs gives out n ids in a row. They are not given out again, whatever becomes of the batch.
func (s *session) takeIDs(ctx context.Context, n int) (first int64, err error) {
	if n > postgres.BlockSize {
		return 0, fmt.Errorf("a batch of %d events is over the block of %d ids", n, postgres.BlockSize)
	}
	if !s.hasIDs(n) {
		if err := s.drawBlock(ctx); err != nil {
			return 0, err
		}
	}
	first = s.nextID
	s.nextID += int64(n)
	return first, nil
}

// hasIDs tells whether the block holds n ids more.
func (s *session) hasIDs(n int) bool { return s.nextID != 0 && s.lastID-s.nextID+1 >= int64(n) }

// blockQuery draws a block. It returns 0 instead if a batch in the log has ids of this block or of a later one: the
// sequence then lags behind the log because only tables were copied, as on a logical replica. With such ids readers
// would take one batch's rows for another's, and rows of a batch that retention has deleted for new ones; and they would
// take ids that nobody has used for older than they are. In normal operation this statement finds no later block in the
// log: whoever draws a later one commits after this statement has begun.
const blockQuery = `WITH block AS MATERIALIZED (SELECT nextval('ingot.id_blocks') AS first)
	SELECT CASE WHEN NOT EXISTS (SELECT FROM ingot.batches WHERE first_id >= first) THEN first ELSE 0 END FROM block`

// drawBlock draws until the block lies behind all ids that the log and this process have had. A failover may lose the
// newest draws, and then the same blocks are drawn again. A batch of this process that is still in doubt must not find
// another batch of this process in its place.
func (s *session) drawBlock(ctx context.Context) error {
	for {
		first, err := postgres.QueryNumber(ctx, s.conn, blockQuery)
		if err != nil {
			return fmt.Errorf("draw a block of ids: %w", err)
		}
		if first > s.lastID {
			s.nextID, s.lastID = first, first+postgres.BlockSize-1
			return nil
		}
	}
}
