package postgres

import (
	"context"
	"errors"
	"fmt"
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

// suspected is a batch of so many suspects, the first of which is there.
func suspected(n int) (suspects []bool, ids []string) {
	for i := range n {
		suspects, ids = append(suspects, true), append(ids, fmt.Sprint("suspect-", i))
	}
	ids[0] = "known"
	return suspects, ids
}

// TestALookUpBlamesNobody: an SQLSTATE that would blame the data in the merge says nothing
// about it when it comes from a look-up. The batch is tried again without.
func TestALookUpBlamesNobody(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	exec(t, conn, `
		CREATE FUNCTION ingot.fail() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22023'; END $$;
		ALTER TABLE ingot.events RENAME TO elsewhere;
		CREATE VIEW ingot.events AS SELECT * FROM ingot.elsewhere WHERE ingot.fail()`)
	defer exec(t, conn, "DROP VIEW ingot.events; ALTER TABLE ingot.elsewhere RENAME TO events")
	suspects, keys := suspected(checkedKeys + 1)
	s := send(t.Context(), w, suspects, keys...)
	<-s.ended
	var notStored *event.NotStoredError
	if !errors.As(s.err, &notStored) {
		t.Errorf("got %v %v, want not stored", s.stored, s.err)
	}
}

// TestALookUpEndsInTime on the server as well: nobody else ends it there once its
// connection was given up.
func TestALookUpEndsInTime(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	w.timeouts.Statement = 300 * time.Millisecond
	w.Close()
	send(t.Context(), w, []bool{false}, "a new connection").want(t, true)
	exec(t, conn, "BEGIN")
	exec(t, conn, "LOCK TABLE ingot.events")
	defer exec(t, conn, "ROLLBACK")
	suspects, keys := suspected(checkedKeys + 1)
	s := send(t.Context(), w, suspects, keys...)
	<-s.ended
	var notStored *event.NotStoredError
	if !errors.As(s.err, &notStored) {
		t.Errorf("got %v %v, want not stored", s.stored, s.err)
	}
}

// TestABackendInDoubtIsEnded though the batch that was sent over it never got to ask: the
// one that waited behind it needs a connection first, and its own takes all the time.
func TestABackendInDoubtIsEnded(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	w.timeouts.Statement = time.Hour // which would end it as well
	w.Close()
	send(t.Context(), w, []bool{false}, "a new connection").want(t, true)
	release := holdLog(t, conn)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	old := w.session.backend.pid
	first := send(ctx, w, []bool{false}, "a")
	behind := make(chan error, 1)
	go func() {
		_, err := w.Merge(t.Context(), event.Batch{Groups: groupOf("b"), Brief: true}, func() {})
		behind <- err
	}()
	<-first.ended
	var unknown *event.UnknownError
	if !errors.As(first.err, &unknown) {
		t.Errorf("got %v %v, want unknown", first.stored, first.err)
	}
	waitFor(t, client(t, conn.Config().ConnString()), fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", old), 0)
	release()
	if err := <-behind; err != nil {
		t.Error(err)
	}
}
