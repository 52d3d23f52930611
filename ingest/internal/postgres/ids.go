package postgres

import (
	"context"
	"fmt"
)

// BlockSize is how many ids one value of ingot.id_blocks stands for; it is the
// sequence's INCREMENT. No batch can be larger.
const BlockSize = 65_536

// number gives the batch ids and an empty result. It may be called again when a
// try has failed: ids are never used twice.
func (s *session) number(ctx context.Context, b *batch) (err error) {
	if b.first, err = s.takeIDs(ctx, b.received); err != nil {
		return err
	}
	b.from = s
	b.stored, b.storedCount = make([]bool, b.received), 0
	return nil
}

// takeIDs gives out n ids in a row. They are never given out again, whatever
// becomes of the batch.
func (s *session) takeIDs(ctx context.Context, n int) (first int64, err error) {
	if n > BlockSize {
		return 0, fmt.Errorf("a batch of %d events is over the block of %d ids", n, BlockSize)
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

// blockQuery draws a block, and is 0 where a batch has ids of it or of a later one: a sequence lies behind
// the log where tables alone were copied, as on a logical replica. Readers would take one batch's rows for
// another's, those of a batch that retention has deleted for new ones, and ids that nobody has used
// for older than they are. No later block is in use otherwise: whoever draws one commits after this
// statement has begun.
const blockQuery = `WITH block AS MATERIALIZED (SELECT nextval('ingot.id_blocks') AS first)
	SELECT CASE WHEN NOT EXISTS (SELECT FROM ingot.batches WHERE first_id >= first) THEN first ELSE 0 END FROM block`

// drawBlock draws until the block is one behind all that the log and this process have had. A
// failover may have lost the newest draws, and they come once more; a batch that is still in
// doubt must not find another of this process in its place.
func (s *session) drawBlock(ctx context.Context) error {
	for {
		first, err := queryNumber(ctx, s.conn, blockQuery)
		if err != nil {
			return fmt.Errorf("draw a block of ids: %w", err)
		}
		if first > s.lastID {
			s.nextID, s.lastID = first, first+BlockSize-1
			return nil
		}
	}
}
