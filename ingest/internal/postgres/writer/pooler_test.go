package writer

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestAPoolerThatMovesSessions never has a batch end with what another ingester has prepared. Its row of the log would name
// the other: a batch in doubt that has committed would be told not to have, and then its events be answered duplicate,
// though nobody was told that they are stored.
func TestAPoolerThatMovesSessions(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		through := pgtest.Pooler(t, url, pgtest.PoolOldest)
		one, other := New(through, path, testTimeouts, uuid.New(), zap.NewNop()), New(through, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(one.Close)
		t.Cleanup(other.Close)
		told, failed := map[*Writer]int64{}, 0
		merge := func(w *Writer, id string) {
			stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(id), Suspects: []bool{false}}, func() {})
			if _, certain := errors.AsType[*event.NotStoredError](err); err != nil && !certain {
				t.Errorf("%s, %s: %v", path, id, err)
			}
			if err != nil {
				failed++
			} else if stored[0] {
				told[w]++
			}
		}
		merge(one, "the first")
		busy := pgtest.Client(t, through) // has the other begin elsewhere
		pgtest.Exec(t, busy, "BEGIN")
		merge(other, "its first")
		pgtest.Exec(t, busy, "COMMIT")
		for i := range 6 {
			merge(one, fmt.Sprint("one ", i))
			merge(one, fmt.Sprint("one more ", i))
			merge(other, fmt.Sprint("other ", i))
		}
		conn := pgtest.Client(t, url)
		for _, w := range []*Writer{one, other} {
			if logged := pgtest.Number(t, conn, "SELECT coalesce(sum(stored), 0) FROM ingot.batches WHERE instance = $1", w.instance); logged != told[w] || logged == 0 {
				t.Errorf("%s: an ingester has stored %d events, and %d in the log", path, told[w], logged)
			}
		}
		if failed == 0 && path == PathStaged { // the direct path has another try, elsewhere
			t.Errorf("%s: the pooler moves no session", path)
		}
	}
}
