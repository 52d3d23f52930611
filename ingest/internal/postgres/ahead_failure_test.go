package postgres

import (
	"errors"
	"testing"
	"time"

	"ingot/internal/event"
)

// TestAPlanIsDueUnderABatch: the check's plan may become due after a batch was found fit to be
// sent behind another. Nothing is asked over a connection whose answer is awaited.
func TestAPlanIsDueUnderABatch(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	b := batch{groups: groupOf("known", "b"), suspects: []bool{true, false}, received: 2}
	b.believe()
	uses := w.session.checkPlan.uses
	err := w.inTurn(t.Context(), func() error {
		w.session.checkPlan.at = time.Time{} // a minute is over
		return w.prepare(t.Context(), &b, plan{direct: true, check: true})
	})
	if err != nil || w.session.checkPlan.uses != uses+1 {
		t.Errorf("%d uses after %d: %v", w.session.checkPlan.uses, uses, err)
	}
	release()
	first.want(t, true)
}

// TestIDsAreNotUsedOnceMore: a failover has lost a batch in doubt, and the draw of its block.
// Another of the two may be settled first, and batches be written before this one is asked
// after; none of them may stand in its place.
func TestIDsAreNotUsedOnceMore(t *testing.T) {
	t.Parallel()
	w, conn, url := trusting(t)
	release := holdLog(t, conn)
	lost := send(t.Context(), w, []bool{false}, "lost")
	w.turn <- struct{}{}
	exec(t, client(t, url), "SELECT pg_terminate_backend($1)", w.session.backend.pid)
	release()
	<-w.last
	exec(t, conn, "TRUNCATE ingot.events, ingot.batches, ingot.topics; ALTER SEQUENCE ingot.id_blocks RESTART")
	w.choose(func(c *pathChooser) { c.path = PathStaged })
	for _, others := range [][]string{{"as", "many", "as before"}, {"other"}} {
		b := batch{groups: groupOf(others...), received: len(others)}
		if _, err := w.begin(t.Context(), &b, func() {}); err != nil {
			t.Error(err)
		}
	}
	<-w.turn
	<-lost.ended
	var notStored *event.NotStoredError
	if !errors.As(lost.err, &notStored) {
		t.Errorf("got %v %v, want not stored", lost.stored, lost.err)
	}
}
