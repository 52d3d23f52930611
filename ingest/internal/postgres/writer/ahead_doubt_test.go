package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// settled wants the outcome to be certain, and to be what the table says: each key that
// was told stored is there, and none of what is certainly not stored.
func (s *sentAhead) settled(t *testing.T, there []string, keys ...string) (stored bool) {
	t.Helper()
	<-s.ended
	var notStored *event.NotStoredError
	switch {
	case s.err == nil:
		for i, key := range keys {
			if s.stored[i] && !slices.Contains(there, key) {
				t.Errorf("%s was told stored, there are %v", key, there)
			}
		}
	case errors.As(s.err, &notStored):
		for _, key := range keys {
			if slices.Contains(there, key) {
				t.Errorf("%s is there though its batch is certainly not stored: %v", key, s.err)
			}
		}
	default:
		t.Errorf("nobody knows: %v", s.err)
	}
	return s.err == nil
}

// TestCommitsLostUnderTwo: however the connection is lost, each of the two is what it is,
// and its rows are no duplicates to itself. Whether the second had been sent when the first
// was lost, and whether it has run, is left open where only the first is lost.
func TestCommitsLostUnderTwo(t *testing.T) {
	t.Parallel()
	const no, yes, open = "no", "yes", "open"
	for how, want := range map[string]struct{ first, second string }{
		"question":    {no, open},
		"hold":        {no, no},
		"answer":      {yes, open},
		"two answers": {yes, yes},
	} {
		t.Run(how+" lost", func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			p := newLossyProxy(t, url)
			w := trustingBy(t, url, p.url(t, url))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // half of it is spent on what is held
			defer cancel()
			conn, release := pgtest.Client(t, url), func() {}
			if how != "question" { // its doubt takes the turn at once, and the lock
				release = holdLog(t, conn)
			}
			p.loseNext(how)
			first := send(ctx, w, []bool{false}, "a")
			second := send(ctx, w, []bool{true, false}, "a", "b")
			release()
			<-first.ended
			<-second.ended
			if how == "hold" {
				(<-p.held)() // the bytes of the first arrive after all
			}
			for s, want := range map[*sentAhead]string{first: want.first, second: want.second} {
				var notStored *event.NotStoredError
				if s.err != nil && !errors.As(s.err, &notStored) || want != open && (s.err == nil) != (want == yes) {
					t.Errorf("got %v %v, committed: %s", s.stored, s.err, want)
				}
			}
			var there []string
			switch {
			case first.err == nil && second.err == nil && equal(first.stored, true) && equal(second.stored, false, true),
				first.err != nil && second.err == nil && equal(second.stored, true, true):
				there = []string{"a", "b"}
			case first.err == nil && second.err != nil && equal(first.stored, true):
				there = []string{"a"}
			case first.err == nil || second.err == nil:
				t.Errorf("told %v %v", first.stored, second.stored)
			}
			if diff := cmp.Diff(append([]string{"known", "warm"}, there...), ids(t, conn)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWarningUnderTwo: the warning is the first one's. The fence finds it committed, and
// the other has an answer of its own.
func TestWarningUnderTwo(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	pgtest.Exec(t, conn, `
		CREATE FUNCTION ingot.warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'hm'; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON ingot.batches DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.received = 1) EXECUTE FUNCTION ingot.warn()`)
	release := holdLog(t, conn)
	backend := w.session.backend
	first := send(t.Context(), w, []bool{false}, "a")
	second := send(t.Context(), w, []bool{true, false}, "a", "b")
	release()
	first.want(t, true)
	second.want(t, false, true)
	if w.session.backend == backend {
		t.Error("the connection of a doubt is still used")
	}
}

// TestFirstFailsInItsCommit: there is no transaction any more that the second could find
// aborted. It runs, and its check finds what the first has not stored.
func TestFirstFailsInItsCommit(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	pgtest.Exec(t, conn, `
		CREATE FUNCTION ingot.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
		CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON ingot.batches DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
		WHEN (NEW.received = 1) EXECUTE FUNCTION ingot.fail()`)
	for _, suspected := range []bool{false, true} {
		release := holdLog(t, conn)
		staged := w.session.merged
		first := send(t.Context(), w, []bool{false}, "a")
		second := send(t.Context(), w, []bool{suspected, false}, map[bool]string{false: "b", true: "a"}[suspected], map[bool]string{false: "c", true: "d"}[suspected])
		release()
		<-first.ended
		var notStored *event.NotStoredError
		if !errors.As(first.err, &notStored) {
			t.Errorf("got %v %v, want not stored", first.stored, first.err)
		}
		second.want(t, true, true)
		if rows := w.session.merged - staged; rows != map[bool]int{false: 1, true: 3}[suspected] {
			t.Errorf("suspected %v: %d rows merged", suspected, rows)
		}
	}
}

// TestStatementsEndUnderTwo: the first waits too long for the log. Nothing of either is
// stored, for who comes behind finds its transaction aborted.
func TestStatementsEndUnderTwo(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	w.timeouts.Statement = soonOver
	w.Close()
	send(t.Context(), w, []bool{false}, "a new connection").want(t, true)
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	second := send(t.Context(), w, []bool{false}, "b")
	for _, s := range []*sentAhead{first, second} {
		if <-s.ended; s.settled(t, nil) {
			t.Errorf("stored %v while the log was locked", s.stored)
		}
	}
	release()
	if stored := storetest.Merge(t, w, "a", "b"); !equal(stored, true, true) {
		t.Errorf("afterwards: %v", stored)
	}
}

// TestTimeOfTheSecond begins when the first is answered: a server that takes a third of the time of an attempt for each
// batch works, and neither is in doubt.
func TestTimeOfTheSecond(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	const attempt, each = 20 * time.Second, 5500 * time.Millisecond // half of an attempt is over before the second is done
	pgtest.Exec(t, conn, fmt.Sprintf(`
		CREATE FUNCTION ingot.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(%f); RETURN NEW; END $$;
		CREATE TRIGGER slow AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.slow()`, each.Seconds()))
	ctx, cancel := context.WithTimeout(t.Context(), attempt)
	defer cancel()
	session := w.session
	first := send(ctx, w, []bool{false}, "a")
	second := send(ctx, w, []bool{false}, "b")
	first.want(t, true)
	second.want(t, true)
	if w.session != session || session.broken.Load() {
		t.Error("the connection was given up")
	}
}

// TestOneOfTwoIsGivenUp: with the one whose caller has no more time goes the connection of
// the other, which is asked after and told the truth.
func TestOneOfTwoIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]bool{"the first": false, "the second": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, conn, url := trusting(t)
			release := holdLog(t, conn)
			ctx, cancel := context.WithCancel(t.Context())
			of := func(cancelled bool) context.Context {
				if cancelled {
					return ctx
				}
				return t.Context()
			}
			first := send(of(!last), w, []bool{false}, "a")
			second := send(of(last), w, []bool{false}, "b")
			cancel()
			gone, other, key := first, second, "b"
			if last {
				gone, other, key = second, first, "a"
			}
			<-gone.ended
			var unknown *event.UnknownError
			if !errors.As(gone.err, &unknown) {
				t.Errorf("got %v %v, want unknown", gone.stored, gone.err)
			}
			release()
			<-other.ended
			other.settled(t, ids(t, pgtest.Client(t, url)), key)
			storetest.Merge(t, w, "after")
		})
	}
}

// TestLookUpIsLost, and with it its connection: the batch goes without, and the next look-up
// has another one.
func TestLookUpIsLost(t *testing.T) {
	t.Parallel()
	w, conn, url := trusting(t)
	suspects, keys := suspected(twoLookers)
	<-send(t.Context(), w, suspects, keys...).ended // they have connections, and plans
	pgtest.Exec(t, conn, "BEGIN")
	pgtest.Exec(t, conn, "LOCK TABLE ingot.events")
	sending := make(chan *sentAhead, 1)
	go func() { sending <- send(t.Context(), w, suspects, keys...) }()
	const waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%generate_series(1, cardinality(%'"
	killer := pgtest.Client(t, url)
	pgtest.WaitFor(t, killer, "SELECT count(*) "+waiting, 2)
	pgtest.Exec(t, killer, "SELECT pg_terminate_backend(pid) "+waiting+" LIMIT 1")
	pgtest.WaitFor(t, killer, "SELECT count(*) "+waiting, 1)
	pgtest.Exec(t, conn, "ROLLBACK")
	(<-sending).want(t, make([]bool, len(keys))...)
	staged := w.session.merged
	if staged != len(keys) {
		t.Errorf("%d rows merged", staged)
	}
	send(t.Context(), w, suspects, keys...).want(t, make([]bool, len(keys))...)
	if w.session.merged != staged {
		t.Errorf("%d rows merged after another look-up", w.session.merged-staged)
	}
}
