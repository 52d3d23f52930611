package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// waitsAlone starts a Merge and returns once it is in turn, to wait for all answers before
// anything is sent.
func waitsAlone(t *testing.T, w *Writer, b event.Batch) *sentAhead {
	t.Helper()
	s, sent := &sentAhead{ended: make(chan struct{})}, make(chan struct{})
	go func() { // ends with the Merge, which its caller waits for
		defer close(s.ended)
		s.stored, s.err = w.Merge(t.Context(), b, sync.OnceFunc(func() { close(sent) }))
	}()
	for len(w.turn) == 0 {
		select {
		case <-s.ended:
			t.Fatalf("ended with %v %v", s.stored, s.err)
		case <-sent:
			t.Fatal("sent behind another batch")
		case <-time.After(time.Millisecond):
		}
	}
	return s
}

// TestARoundTripWaits until nothing is on its way, and is made then.
func TestARoundTripWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want func(s *session)
		made func(old, s *session) bool
	}{
		"the ids run out":          {func(s *session) { s.nextID = s.lastID }, func(_, s *session) bool { return s.nextID > postgres.BlockSize }},
		"the session expires":      {func(s *session) { s.opened = time.Now().Add(-2 * postgres.SessionLifetime) }, func(old, s *session) bool { return s != old }},
		"the check's plan is due":  {func(s *session) { s.checkPlan.at = time.Time{} }, func(_, s *session) bool { return !s.checkPlan.at.IsZero() }},
		"the plan was used enough": {func(s *session) { s.checkPlan.next = s.checkPlan.uses + 1 }, func(_, s *session) bool { return !s.checkPlan.due() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, conn, _ := trusting(t)
			release := holdLog(t, conn)
			first := send(t.Context(), w, []bool{false}, "a")
			old := w.session
			c.want(old)
			second := waitsAlone(t, w, event.Batch{Groups: storetest.Groups("known", "b", "c"), Suspects: []bool{true, false, false}})
			first.underWay(t)
			second.underWay(t)
			release()
			first.want(t, true)
			second.want(t, false, true, true)
			if !c.made(old, w.session) {
				t.Errorf("not made: %+v", w.session.checkPlan)
			}
		})
	}
}

// beforeTheLostIsAskedAfter loses a batch in doubt, and the draw of its block, as a failover does. Before the writer asks after
// the batch, meanwhile runs. The batch must not be told stored. The results are those of trusting.
func beforeTheLostIsAskedAfter(t *testing.T, meanwhile func(w *Writer, url string)) (w *Writer, conn *pgx.Conn, url string) {
	t.Helper()
	w, conn, url = trusting(t)
	release := holdLog(t, conn)
	lost := send(t.Context(), w, []bool{false}, "lost")
	w.turn <- struct{}{}
	pgtest.Exec(t, pgtest.Client(t, url), "SELECT pg_terminate_backend($1)", w.session.backend.pid)
	release()
	<-w.last.read
	pgtest.Exec(t, conn, "TRUNCATE ingot.events, ingot.batches, ingot.topics; ALTER SEQUENCE ingot.id_blocks RESTART")
	meanwhile(w, url)
	<-w.turn
	<-lost.ended
	var notStored *event.NotStoredError
	if !errors.As(lost.err, &notStored) {
		t.Errorf("got %v %v, want not stored", lost.stored, lost.err)
	}
	return w, conn, url
}

// TestIDsAreNotUsedOnceMore: a failover has lost a batch in doubt, and the draw of its block.
// Another of the two may be settled first, and batches be written before this one is asked
// after; none of them may stand in its place.
func TestIDsAreNotUsedOnceMore(t *testing.T) {
	t.Parallel()
	var newer *session
	w, _, _ := beforeTheLostIsAskedAfter(t, func(w *Writer, _ string) {
		for _, others := range [][]string{{"as", "many", "as before"}, {"other"}} {
			b := batch{Batch: event.Batch{Groups: storetest.Groups(others...)}, committing: func() {}, received: len(others)}
			if err := w.staged(t.Context(), &b); err != nil {
				t.Error(err)
			}
		}
		newer = w.session
	})
	if w.session != newer {
		t.Error("the connection that they were written over is given up for the lost one")
	}
}

// TestAVoidRowAmongOthersIDs: likewise, but another instance draws the block first, and writes a batch with the ids of the
// one that was lost. The void row stands between the ids of that batch, and takes none of them.
func TestAVoidRowAmongOthersIDs(t *testing.T) {
	t.Parallel()
	var others *Writer
	w, conn, url := beforeTheLostIsAskedAfter(t, func(_ *Writer, url string) {
		others = newWriter(t, url)
		storetest.Merge(t, others, "1", "2", "3", "4", "5", "6", "7", "8")
	})
	if pgtest.Number(t, conn, "SELECT count(*) FROM ingot.batches AS void JOIN ingot.batches AS b ON void.first_id > b.first_id AND void.first_id <= b.last_id WHERE void.received = 0") != 1 {
		t.Error("no void row stands between the ids of a batch") // and trusting's check shows nothing
	}
	storetest.Merge(t, others, "9", "1")
	storetest.Merge(t, w, "lost", "9")
	if n := len(storetest.Walk(t, newReader(t, url), event.Query{Feed: true, Limit: 2})); n != 10 {
		t.Errorf("the feed has %d events", n)
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
// about it when it comes from a look-up. The batch goes without.
func TestALookUpBlamesNobody(t *testing.T) {
	t.Parallel()
	w, _, _ := trusting(t)
	if _, err := w.lookers.find(t.Context(), keys{ids: []string{"known"}, topics: []string{"t"}, positions: []int{0}}, make([]bool, 1)); err != nil {
		t.Fatal(err)
	}
	l := &w.lookers.all[0]
	l.plan.next = 1000 // the statement is not planned anew, and fails with 22012
	_, err := l.conn.Exec(t.Context(), "DEALLOCATE "+lookUpName+"; PREPARE "+lookUpName+" (text[], text[]) AS SELECT (cardinality($1) / (cardinality($2) * 0))::bigint").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	suspects, keys := suspected(checkedKeys + 1)
	stored := make([]bool, len(keys))
	for i := range stored {
		stored[i] = i > 0
	}
	send(t.Context(), w, suspects, keys...).want(t, stored...)
}

// TestALookUpEndsInTime on the server as well: nobody else ends it there once its
// connection was given up.
func TestALookUpEndsInTime(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	w.timeouts.Statement, w.lookers.timeout = soonOver, soonOver
	w.Close()
	send(t.Context(), w, []bool{false}, "a new connection").want(t, true)
	pgtest.Exec(t, conn, "BEGIN")
	pgtest.Exec(t, conn, "LOCK TABLE ingot.events")
	defer pgtest.Exec(t, conn, "ROLLBACK")
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
	ctx, cancel := context.WithTimeout(t.Context(), soonUp)
	defer cancel()
	old := w.session.backend.pid
	pgtest.Exec(t, pgtest.Client(t, conn.Config().ConnString()), "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET timezone = 'Asia/Tokyo'") // the backend goes by the same name
	first := send(ctx, w, []bool{false}, "a")
	behind := waitsAlone(t, w, event.Batch{Groups: storetest.Groups("b"), Brief: true})
	<-first.ended
	var unknown *event.UnknownError
	if !errors.As(first.err, &unknown) {
		t.Errorf("got %v %v, want unknown", first.stored, first.err)
	}
	pgtest.WaitFor(t, pgtest.Client(t, conn.Config().ConnString()), fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", old), 0)
	release()
	behind.want(t, true)
}

// TestAFenceInDoubtIsEnded: one that was not answered in time does not wait on, or there would be one more
// with every try.
func TestAFenceInDoubtIsEnded(t *testing.T) {
	t.Parallel()
	w, conn, url := trusting(t)
	w.timeouts.Statement = time.Hour // which would end it as well
	watch := pgtest.Client(t, url)
	const fences = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%SET LOCAL lock_timeout = 0%'"
	release := holdLog(t, conn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batch := send(ctx, w, []bool{false}, "a")
	pgtest.Exec(t, watch, "SELECT pg_terminate_backend($1)", w.session.backend.pid)
	pgtest.WaitFor(t, watch, fences, 1)
	cancel()
	<-batch.ended
	var unknown *event.UnknownError
	if !errors.As(batch.err, &unknown) {
		t.Errorf("got %v %v, want unknown", batch.stored, batch.err)
	}
	if err := w.Ready(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	pgtest.WaitFor(t, watch, fences, 0)
	release()
	storetest.Merge(t, w, "after")
}

// TestEndedBeforeItsTurn: nothing is sent of a batch that nobody waits for any more, also
// when it could be sent at once.
func TestEndedBeforeItsTurn(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // the turn is free, and it may be taken first
		_, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups("a"), Suspects: []bool{false}}, func() { t.Error("COMMIT was sent") })
		var notStored *event.NotStoredError
		if !errors.As(err, &notStored) {
			t.Fatalf("got %v, want not stored", err)
		}
	}
	for range 20 {
		if err := w.turn.take(ctx); err == nil {
			t.Fatal("taken by who has no time any more")
		}
	}
	alive, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	<-send(alive, w, []bool{false}, "b").ended
	if got := ids(t, conn); !slices.Contains(got, "b") {
		t.Errorf("nobody can write any more: %v are there", got)
	}
}

// TestTimeIsUpWhileAnAnswerIsAwaited to a batch before: what waits for it, wherever it does, is certainly not stored, and is
// stored when it comes again.
func TestTimeIsUpWhileAnAnswerIsAwaited(t *testing.T) {
	t.Parallel()
	_, many := suspected(checkedKeys + 2)
	for name, c := range map[string]struct {
		keys    []string
		prepare func(w *Writer)
		awaited bool // from the beginning; else once the batch was sent
	}{
		"to be staged":                   {[]string{"a"}, func(w *Writer) { w.chooser.path = PathStaged }, true},
		"to be given ids":                {[]string{"a"}, func(w *Writer) { w.session.nextID = 0 }, true},
		"looked up somewhere else":       {many[1:], func(w *Writer) { w.session.server = "another time" }, true},
		"behind who waits":               {[]string{"a"}, func(w *Writer) { w.turn <- struct{}{} }, false},
		"to be staged, behind who waits": {[]string{"a"}, func(w *Writer) { w.chooser.path = PathStaged; w.turn <- struct{}{} }, false},
		"refused":                        {[]string{"a", "known"}, func(*Writer) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, conn, _ := trusting(t)
			session, before, awaited := w.session, w.last, &exchange{read: make(chan struct{})}
			c.prepare(w)
			held := len(w.turn)
			if c.awaited {
				w.last = awaited
			}
			suspects := make([]bool, len(c.keys))
			for i := range suspects {
				suspects[i] = len(c.keys) > checkedKeys
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			timeIsUp := func() { time.AfterFunc(300*time.Millisecond, cancel) }
			ahead := func() { w.last = awaited }
			if held > 0 || c.awaited {
				timeIsUp()
			} else { // not before it is refused, or it is in doubt
				ahead = func() {
					refused := w.last.read
					w.last = awaited
					go func() { <-refused; timeIsUp() }() // ends with the answer
				}
			}
			stored, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups(c.keys...), Suspects: suspects, Ahead: ahead}, func() {})
			var notStored *event.NotStoredError
			if !errors.As(err, &notStored) {
				t.Errorf("got %v %v, want not stored", stored, err)
			}
			if got := ids(t, conn); len(got) != 2 {
				t.Errorf("%v are there", got)
			}
			if w.session != session || session.broken.Load() {
				t.Error("the connection that the batch before was sent over is given up")
			}
			w.last = before
			if len(w.turn) != held {
				t.Fatal("the turn of another is given away")
			}
			if held > 0 {
				w.turn.give()
			}
			again, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(c.keys...), Suspects: suspects}, func() {})
			if err != nil || !again[0] {
				t.Errorf("when it comes again: %v %v", again, err)
			}
		})
	}
}

// TestNobodyToAsk: where there is no connection, or there are no ids, nothing is stored; a batch that was sent before is
// in doubt for as long.
func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	const nowhere = "postgres://nobody@127.0.0.1:1/none"
	merge := func(t *testing.T, w *Writer, key string, ahead func()) error {
		ctx, cancel := context.WithTimeout(t.Context(), soonUp)
		defer cancel()
		_, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups(key), Suspects: []bool{false}, Ahead: ahead}, func() {})
		return err
	}
	for _, path := range []Path{PathStaged, PathDirect} {
		t.Run(string(path), func(t *testing.T) {
			t.Parallel()
			var notStored *event.NotStoredError
			w, conn, url := trusting(t)
			w.choose(func(c *pathChooser) { c.path = path })
			w.Close()
			w.url = nowhere
			if err := merge(t, w, "a", nil); !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
				t.Errorf("without a connection: %v, want unavailable", err)
			}
			w.url = url
			send(t.Context(), w, []bool{false}, "a").want(t, true)
			pgtest.Exec(t, conn, "ALTER SEQUENCE ingot.id_blocks MAXVALUE 65537")
			w.session.nextID = 0
			if err := merge(t, w, "b", nil); !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
				t.Errorf("without ids: %v, want unavailable", err)
			}
			pgtest.Exec(t, conn, "ALTER SEQUENCE ingot.id_blocks NO MAXVALUE")
			send(t.Context(), w, []bool{false}, "b").want(t, true)
		})
	}
	t.Run("in doubt", func(t *testing.T) {
		t.Parallel()
		w, conn, url := trusting(t)
		release := holdLog(t, conn)
		killer := pgtest.Client(t, url)
		err := merge(t, w, "a", func() {
			pgtest.Exec(t, killer, "SELECT pg_terminate_backend($1)", w.session.backend.pid)
			w.url = nowhere
		})
		var (
			unknown   *event.UnknownError
			notStored *event.NotStoredError
		)
		if !errors.As(err, &unknown) || errors.As(err, &notStored) { // who is certain tells the doubt as well
			t.Errorf("got %v, want unknown", err)
		}
		w.url = url
		release()
		send(t.Context(), w, []bool{false}, "a").want(t, true)
	})
}

// TestAnAnswerIsNotTakenForAnother: who gave up waiting has read nothing, and the answer that still comes is not that of
// the batch behind.
func TestAnAnswerIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	w, conn, url := trusting(t)
	release := holdLog(t, conn)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // half of it is spent waiting
	defer cancel()
	first := send(ctx, w, []bool{false}, "a")
	given := w.last.read
	second := send(t.Context(), w, []bool{false}, "known") // which is there
	w.turn <- struct{}{}                                   // so that the connection cannot be replaced yet
	<-given
	release()
	pgtest.WaitFor(t, pgtest.Client(t, url), "SELECT count(*) FROM ingot.events WHERE event_id = 'a'", 1)
	<-w.turn
	first.want(t, true)
	<-second.ended
	if second.err == nil && second.stored[0] {
		t.Error("a key that is there was told stored")
	}
}

// TestADoubtThatIsNotAskedAfter: a connection whose COMMIT came with a warning is not used
// any more, though whoever sent it has no time left to ask.
func TestADoubtThatIsNotAskedAfter(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	pgtest.Exec(t, conn, `
		CREATE FUNCTION ingot.warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'hm'; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON ingot.batches DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ingot.warn()`)
	old := w.session
	ctx, cancel := context.WithCancel(t.Context())
	release := holdLog(t, conn)
	s := send(ctx, w, []bool{false}, "a")
	w.turn <- struct{}{}
	release()
	<-w.last.read
	cancel()
	<-s.ended
	<-w.turn
	var unknown *event.UnknownError
	if !errors.As(s.err, &unknown) {
		t.Errorf("got %v %v, want unknown", s.stored, s.err)
	}
	pgtest.Exec(t, conn, "DROP TRIGGER warn ON ingot.batches")
	storetest.Merge(t, w, "b")
	if w.session == old {
		t.Error("the connection of a doubt is still used")
	}
}

// TestAbandonLeavesANewerConnection, which the other of two in doubt has opened; and a backend is ended once, however many
// were in doubt over it. One that has its pid by now is another's, and is left alone.
func TestAbandonLeavesANewerConnection(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	newer, old := w.session, &session{backend: backend{pid: pgtest.Number(t, conn, "SELECT pg_backend_pid()"), start: "long ago"}}
	w.abandon(old)
	w.abandon(old)
	if w.session != newer || len(w.abandoned) != 1 {
		t.Errorf("the newer one is used: %v; to be ended: %v", w.session == newer, w.abandoned)
	}
	w.endAbandoned(t.Context(), newer)
	if len(w.abandoned) != 0 {
		t.Errorf("to be ended: %v", w.abandoned)
	}
	if _, err := conn.Exec(t.Context(), "SELECT"); err != nil {
		t.Errorf("another backend was ended: %v", err)
	}
}
