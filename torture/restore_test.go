package torture

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"ingot/internal/localpg"
	"ingot/internal/pgtest"
)

// TestRestoreElsewhere: what readers hold of a history goes on in a copy of it that
// has gone another way, without a gap, or is refused with 410.
func TestRestoreElsewhere(t *testing.T) {
	t.Run("pg_dump", func(t *testing.T) { restoreElsewhere(t, dumpAndRestore) })
	t.Run("a cold copy", func(t *testing.T) { restoreElsewhere(t, coldCopy) })
}

// The old history: requests that are in the copy, and those that come while it is
// made and as many after it. The other one has to become longer than that.
const restoreBefore, restoreAfter, restoreOther = 60, 30, 150

func restoreElsewhere(t *testing.T, copied func(t *testing.T, from *localpg.Server, to string) *localpg.Server) {
	server := startServer(t, dataFolder(t), nil)
	old := openFeed(t, server, 2)
	old.want(t, 0, restoreBefore/2)
	old.hole(t)
	old.want(t, restoreBefore/2, restoreBefore)
	r := &restored{old: old, readers: old.readers(t)}
	r.note(t)
	kept := r.subscriptions()

	var meanwhile sync.WaitGroup
	meanwhile.Go(func() { old.want(t, restoreBefore, restoreBefore+restoreAfter) }) // ends when they are stored
	elsewhere := copied(t, server, dataFolder(t))
	meanwhile.Wait()
	old.want(t, restoreBefore+restoreAfter, restoreBefore+2*restoreAfter)
	old.conn = pgtest.Client(t, old.url)
	r.note(t)

	other := openFeed(t, elsewhere, 2)
	copiedEvents := len(other.order(t))
	r.judge(t, other)
	other.want(t, 1_000, 1_000+restoreOther)
	t.Logf("%d events in the copy, of %d there were; %d later in the other history", copiedEvents, len(r.seen), len(other.order(t)))
	r.judge(t, other)
	r.judgeSubscriptions(t, other, kept)
	if r.wentOn == 0 || r.refused == 0 {
		t.Errorf("%d places went on, %d were refused: both should be", r.wentOn, r.refused)
	}
	t.Logf("%d places, %d times one went on and %d times one was refused", len(r.places), r.wentOn, r.refused)
	old.stop(t)
	other.stop(t)
}

// gone is how a place of another history is refused.
func gone(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == http.StatusGone
}

// want publishes requests until each of them is stored.
func (f *feedHouse) want(t *testing.T, from, to int) {
	for n := from; n < to; n++ {
		i := f.ingesters[n%len(f.ingesters)]
		for i.publishBytes(f.body(n)).status != http.StatusOK && t.Context().Err() == nil {
			pause(t.Context())
		}
	}
}

// hole leaves room in the table that a restored one does not have.
func (f *feedHouse) hole(t *testing.T) {
	t.Helper()
	pgtest.Exec(t, f.conn, `BEGIN; INSERT INTO ingot.events SELECT 'hole-' || n, 'hole', -n, 's', now(), now(), '0'
		FROM generate_series(1, 20000) AS n; ROLLBACK`)
}
