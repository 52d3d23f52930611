package postgres

import (
	"testing"
	"time"
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
