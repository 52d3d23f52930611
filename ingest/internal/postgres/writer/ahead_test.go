package writer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// sentAhead is a Merge that was sent on the direct path, or has ended before that.
type sentAhead struct {
	stored []bool
	err    error
	ended  chan struct{}
}

// send starts a Merge and waits until another may be started.
func send(ctx context.Context, w *Writer, suspects []bool, ids ...string) *sentAhead {
	s := &sentAhead{ended: make(chan struct{})}
	sent := make(chan struct{})
	go func() { // ends with the Merge, which its caller waits for
		defer close(s.ended)
		s.stored, s.err = w.Merge(ctx, event.Batch{Groups: storetest.Groups(ids...), Suspects: suspects, Ahead: func() { close(sent) }}, func() {})
	}()
	select {
	case <-sent:
	case <-s.ended:
	}
	return s
}

func (s *sentAhead) want(t *testing.T, stored ...bool) {
	t.Helper()
	<-s.ended
	if s.err != nil || !cmp.Equal(s.stored, stored) {
		t.Errorf("got %v %v, want %v", s.stored, s.err, stored)
	}
}

// underWay waits until the answer is still awaited while the backend waits for the lock.
func (s *sentAhead) underWay(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
		t.Fatalf("ended with %v %v", s.stored, s.err)
	default:
	}
}

// trusting is a writer on the direct path whose filter has proven right, with all that
// it needs to send batches ahead, and a connection. One event, "known", is there.
func trusting(t *testing.T) (*Writer, *pgx.Conn, string) {
	t.Helper()
	url := postgrestest.Database(t)
	return trustingBy(t, url, url), pgtest.Client(t, url), url
}

// trustingBy reaches the same database another way.
func trustingBy(t *testing.T, url, by string) *Writer {
	t.Helper()
	w := New(by, PathDirect, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	t.Cleanup(func() { postgrestest.CheckLog(t, url) })
	w.choose(func(c *pathChooser) { c.seen = guesses{misses: guessesToTrust, hits: guessesToTrust} })
	storetest.Merge(t, w, "known")
	send(t.Context(), w, []bool{true, false}, "known", "warm").want(t, false, true)
	return w
}

// holdLog takes the log's lock, so that nobody can commit until the transaction ends.
func holdLog(t *testing.T, conn *pgx.Conn) (release func()) {
	t.Helper()
	pgtest.Exec(t, conn, "BEGIN")
	pgtest.Exec(t, conn, "SELECT pg_advisory_xact_lock($1)", int64(postgres.LogLock))
	return func() { pgtest.Exec(t, conn, "ROLLBACK") }
}

func ids(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT event_id FROM ingot.events ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSentAhead: the second batch is sent while the first waits to commit, and knows
// its keys. What was warned of before says nothing of them, and once both are answered
// nothing is left of them.
func TestSentAhead(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	release := holdLog(t, conn)
	session := w.session
	session.warned = true
	ctx, cancel := context.WithCancel(t.Context())
	first := send(ctx, w, []bool{false, false}, "a", "b")
	if err := w.Ready(ctx, time.Minute); err != nil { // it asks nothing of a connection that is read from
		t.Error(err)
	}
	second := send(ctx, w, []bool{true, false, false}, "a", "c", "c")
	first.underWay(t)
	second.underWay(t)
	release()
	first.want(t, true, true)
	second.want(t, false, true, false)
	if session.merged != 0 {
		t.Errorf("%d rows merged", session.merged)
	}
	if diff := cmp.Diff([]string{"known", "warm", "a", "b", "c"}, ids(t, conn)); diff != "" {
		t.Error(diff)
	}
	cancel() // what follows an attempt
	time.Sleep(50 * time.Millisecond)
	if w.underWay() != nil || w.session != session || session.broken.Load() {
		t.Errorf("a batch is under way: %v; the connection was given up: %v", w.underWay() != nil, w.session != session || session.broken.Load())
	}
}

// TestLookedUpBesideABatch: more suspects than the Query may check are looked up, by two
// if they are many, while the batch before is written. What that one holds is not found, and believed.
func TestLookedUpBesideABatch(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	pgtest.Exec(t, conn, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'Asia/Tokyo'); END $$`) // which is no other server
	var old, under []string
	for i := range twoLookers {
		old, under = append(old, fmt.Sprint("old-", i)), append(under, fmt.Sprint("under-", i))
	}
	storetest.Merge(t, w, old...)
	release := holdLog(t, conn)
	first := send(t.Context(), w, make([]bool, len(under)), under...)
	keys := slices.Concat(under[1:], old, []string{under[0], "wrongly suspected", "new"}) // two lookers meet among the old
	suspects, stored := make([]bool, len(keys)), make([]bool, len(keys))
	for i, key := range keys {
		suspects[i], stored[i] = key != "new", i >= len(keys)-2
	}
	second := send(t.Context(), w, suspects, keys...)
	first.underWay(t)
	second.underWay(t)
	if one, two := w.lookers.all[0].plan.uses, w.lookers.all[1].plan.uses; one != 1 || two != 1 || w.session.merged != 0 {
		t.Errorf("%d and %d look-ups, %d rows merged", one, two, w.session.merged)
	}
	release()
	<-first.ended
	second.want(t, stored...)
	if w.session.merged != 0 {
		t.Errorf("%d rows merged", w.session.merged)
	}
}

// TestKeysAreLookedUpWhereTheyAreWritten: what another server knows, as one that was
// written to before a failover, says nothing. The batch goes the way that needs no look-up,
// and the one before is none the worse for it.
func TestKeysAreLookedUpWhereTheyAreWritten(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	w.session.server = "another time"
	suspects, keys := suspected(checkedKeys + 1)
	s := &sentAhead{ended: make(chan struct{})}
	go func() { // ends with the Merge, which s.want waits for
		defer close(s.ended)
		s.stored, s.err = w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(keys...), Suspects: suspects, Ahead: func() { t.Error("sent") }}, func() {})
	}()
	for len(w.turn) == 0 { // it has one when the other's answer is awaited
		time.Sleep(time.Millisecond)
	}
	first.underWay(t)
	release()
	first.want(t, true)
	s.want(t, slices.Concat([]bool{false}, slices.Repeat([]bool{true}, len(keys)-1))...)
	if w.session.merged != len(keys) || w.lookers.all[0].conn != nil {
		t.Errorf("%d rows merged; the other server is asked again: %v", w.session.merged, w.lookers.all[0].conn != nil)
	}
}

// TestDatabasesOfOneServer are told apart: with ALTER DATABASE .. RENAME somebody may put another in the place of the one whose keys
// were looked up.
func TestDatabasesOfOneServer(t *testing.T) {
	t.Parallel()
	one, _, _ := trusting(t)
	two, _, _ := trusting(t)
	if one.session.server == two.session.server {
		t.Errorf("both are %s", one.session.server)
	}
}

// TestFirstOfTwoIsRefused: the batch behind finds an aborted transaction. Both go the
// staged way, whoever has the turn first, and each has its results.
func TestFirstOfTwoIsRefused(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	pgtest.Exec(t, conn, "BEGIN")
	pgtest.Exec(t, conn, "LOCK TABLE ingot.events IN SHARE MODE") // COPY waits, and breaks then
	first := send(t.Context(), w, []bool{false, false}, "a", "known")
	second := send(t.Context(), w, []bool{true, false}, "a", "b")
	first.underWay(t)
	second.underWay(t)
	pgtest.Exec(t, conn, "ROLLBACK")
	<-first.ended
	byFirst := slices.Equal(first.stored, []bool{true, false})
	first.want(t, byFirst, false)
	second.want(t, !byFirst, true)
	got := ids(t, conn)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a", "b", "known", "warm"}, got); diff != "" {
		t.Error(diff)
	}
	if w.chooser.races != raceMemory {
		t.Errorf("races %v: the one behind was in none", w.chooser.races)
	}
}

// TestAnotherTopicIsAnotherKey, whether its batch makes sure or it is looked up beforehand.
func TestAnotherTopicIsAnotherKey(t *testing.T) {
	t.Parallel()
	w, _, _ := trusting(t)
	for topic, seen := range map[string]guesses{"checked": w.chooser.seen, "looked up": {}} {
		e := storetest.Event("known")
		e.Topic, w.chooser.seen = topic, seen
		for _, isNew := range []bool{true, false} {
			stored, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(e)}, Suspects: []bool{true}}, func() {})
			if err != nil || stored[0] != isNew {
				t.Errorf("%s, new: %v: stored %v, %v", topic, isNew, stored, err)
			}
		}
	}
}

// TestKeysOfTwoLines: the decoder refuses a key with a newline. One that got here all the same
// is not taken for another.
func TestKeysOfTwoLines(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	for _, key := range []storetest.Key{{ID: "known", Topic: "t\nu"}, {ID: "known\nunknown", Topic: "t"}} {
		e := storetest.Event(key.ID)
		e.Topic, e.Payload = key.Topic, "1"
		stored, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(e)}, Suspects: []bool{true}, Ahead: func() {}}, func() {})
		if err != nil || !stored[0] {
			t.Errorf("%q: stored %v, %v", key, stored, err)
		}
	}
	if got := allRows(t, conn); len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// TestAFailedTransactionIsLeftBehind: a batch may come between the failure of one that was
// sent and its second try. It finds the transaction aborted, and needs a round trip.
func TestAFailedTransactionIsLeftBehind(t *testing.T) {
	t.Parallel()
	w, _, _ := trusting(t)
	if _, err := w.session.conn.Exec(t.Context(), "BEGIN; SELECT 1/0").ReadAll(); err == nil {
		t.Fatal("no failure")
	}
	w.session.checkPlan.at = time.Time{} // its plan is due
	if stored := storetest.Merge(t, w, "a"); !stored[0] || w.session.merged != 0 {
		t.Errorf("stored %v, %d rows merged", stored, w.session.merged)
	}
}

// TestSecondOfTwoIsRefused: the first one's answer is its own.
func TestSecondOfTwoIsRefused(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	second := send(t.Context(), w, []bool{false, false}, "b", "known")
	release()
	first.want(t, true)
	second.want(t, true, false)
}

// TestConnectionLostUnderTwo: both are in doubt, and each is resolved by its own fence.
// One that never committed is certainly not stored.
func TestConnectionLostUnderTwo(t *testing.T) {
	t.Parallel()
	w, conn, url := trusting(t)
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false}, "a")
	second := send(t.Context(), w, []bool{false}, "b")
	pgtest.Exec(t, pgtest.Client(t, url), "SELECT pg_terminate_backend($1)", w.session.backend.pid)
	release()
	for _, s := range []*sentAhead{first, second} {
		<-s.ended
		var notStored *event.NotStoredError
		if !errors.As(s.err, &notStored) {
			t.Errorf("got %v %v, want not stored", s.stored, s.err)
		}
	}
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.batches WHERE received = 0"); n != 2 {
		t.Errorf("%d void rows, want one for each", n)
	}
	if diff := cmp.Diff([]string{"known", "warm"}, ids(t, conn)); diff != "" {
		t.Error(diff)
	}
	storetest.Merge(t, w, "after")
}

// TestTimeIsUpUnderTwo: who waits for both until its time is up does not know; the
// other has its answer, or does not know either.
func TestTimeIsUpUnderTwo(t *testing.T) {
	t.Parallel()
	w, conn, _ := trusting(t)
	release := holdLog(t, conn)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), soonUp)
	defer cancel()
	first := send(ctx, w, []bool{false}, "a")
	second := send(ctx, w, []bool{false}, "b")
	for _, s := range []*sentAhead{first, second} {
		<-s.ended
		var unknown *event.UnknownError
		if !errors.As(s.err, &unknown) {
			t.Errorf("got %v %v, want unknown", s.stored, s.err)
		}
	}
}

// TestTwoAtATimeAreAsOne: two callers with right and wrong guesses, and backends that are
// ended now and then: each key has one row and was told stored once.
func TestTwoAtATimeAreAsOne(t *testing.T) {
	t.Parallel()
	coin := func(rng *rand.Rand) bool { return rng.IntN(10) == 0 }
	for name, c := range map[string]struct {
		path    Path
		largest int
		guess   func(*rand.Rand) bool // nil: no filter
	}{
		"few keys, some suspected":   {PathDirect, 8, coin},
		"no key is suspected":        {PathDirect, 8, func(*rand.Rand) bool { return false }},
		"all keys are suspected":     {PathDirect, 3 * checkedKeys, func(*rand.Rand) bool { return true }},
		"no filter":                  {PathDirect, 8, nil},
		"many keys, looked up":       {PathAuto, 2 * twoLookers, coin},
		"many keys, half of them":    {PathDirect, 4 * checkedKeys, func(rng *rand.Rand) bool { return rng.IntN(2) == 0 }},
		"both paths, some suspected": {PathAuto, 40, coin},
		"staged, some suspected":     {PathStaged, 40, coin},
		"staged, many looked up":     {PathStaged, 2 * twoLookers, func(*rand.Rand) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, conn, url := trusting(t)
			w.choose(func(chooser *pathChooser) { chooser.path = c.path })
			told := twoAtATime(t, w, pgtest.Client(t, url), c.largest, c.guess)
			told["known"], told["warm"] = 1, 1
			rows := allRows(t, conn)
			for name, n := range told {
				if _, there := rows[storetest.Key{ID: name, Topic: "t"}]; n != 1 || !there {
					t.Errorf("%s was told stored %d times, and is there: %v", name, n, there)
				}
			}
			if len(rows) != len(told) {
				t.Errorf("%d rows, %d keys told stored", len(rows), len(told))
			}
		})
	}
}

// twoAtATime lets two callers merge batches of some of few keys, and tells how often each
// key was told stored.
func twoAtATime(t *testing.T, w *Writer, killer *pgx.Conn, largest int, guess func(*rand.Rand) bool) map[string]int {
	var mu sync.Mutex
	told := map[string]int{}
	var callers sync.WaitGroup
	for caller := range 2 {
		callers.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(caller)))
			for range 100 {
				var names []string
				var suspects []bool
				for range 1 + rng.IntN(largest) {
					names = append(names, fmt.Sprint("key-", rng.IntN(100*largest)))
					if guess != nil {
						suspects = append(suspects, guess(rng))
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				stored, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups(names...), Suspects: suspects, Ahead: func() {}}, func() {})
				cancel()
				mu.Lock()
				var notStored *event.NotStoredError
				if err != nil && !errors.As(err, &notStored) {
					t.Errorf("a batch is in doubt, though the database is there: %v", err)
				}
				for i, s := range stored {
					if s {
						told[names[i]]++
					}
				}
				if rng.IntN(30) == 0 {
					pgtest.Exec(t, killer, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ingot' AND random() < 0.5")
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	return told
}
