package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// lookUpsSince counts connections whose last look-up began after that time and is over. A
// plan that was made counts as well, so there must be one.
const lookUpsSince = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
	AND state = 'idle' AND query LIKE '%%generate_series(1, cardinality(%%' AND query_start > '%s'`

// staging is a writer on the staged path that looks all suspects up. One event, "known", is there.
func staging(t *testing.T, url string) *Writer {
	t.Helper()
	w := New(url, PathStaged, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	w.lookUpBytes = 0
	storetest.Merge(t, w, "known")
	return w
}

// TestFewSuspectsAreMerged: a look-up that would spare the merge little is not made.
func TestFewSuspectsAreMerged(t *testing.T) {
	t.Parallel()
	w := staging(t, postgrestest.Database(t))
	w.lookUpBytes = lookUpBytes
	large := strings.Repeat(" ", lookUpBytes) + "1"
	for _, c := range []struct {
		suspects, merged int
		payload          string
	}{{60, 60, "1"}, {200, 0, "1"}, {1, 1, "1"}, {1, 0, large}} {
		suspects, keys := suspected(c.suspects)
		storetest.Merge(t, w, keys...)
		before := w.session.merged
		groups := storetest.Groups(keys...)
		groups[0].Events[0].Payload = c.payload
		stored, err := w.Merge(t.Context(), event.Batch{Groups: groups, Suspects: suspects}, func() {})
		if err != nil || slices.Contains(stored, true) || w.session.merged-before != c.merged {
			t.Errorf("%d suspects: %d rows merged, want %d; stored %v, %v", c.suspects, w.session.merged-before, c.merged, stored, err)
		}
	}
}

// TestLookedUpBesideAStagedBatch: while one batch is written the next is got ready, and
// its suspects are looked up. They are written in that order.
func TestLookedUpBesideAStagedBatch(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn, watch := staging(t, url), pgtest.Client(t, url), pgtest.Client(t, url)
	send(t.Context(), w, []bool{true}, "known").want(t, false) // there is a plan now
	release := holdLog(t, conn)
	first := send(t.Context(), w, []bool{false, false}, "a", "b")
	pgtest.WaitFor(t, watch, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 1)
	if err := w.Ready(t.Context(), 100*time.Millisecond); err != nil {
		t.Errorf("not ready beside a batch that is being written: %v", err)
	}
	var begun string
	if err := watch.QueryRow(t.Context(), "SELECT clock_timestamp()::text").Scan(&begun); err != nil {
		t.Fatal(err)
	}
	second := send(t.Context(), w, []bool{true, true, false}, "known", "a", "c")
	pgtest.WaitFor(t, watch, fmt.Sprintf(lookUpsSince, begun), 1)
	first.underWay(t)
	second.underWay(t)
	release()
	first.want(t, true, true)
	second.want(t, false, false, true)
	if w.session.merged != 1+2+2 { // "a" was not found by then
		t.Errorf("%d rows merged", w.session.merged)
	}
	if w.staging.Load() { // Ready would go by that while another batch connects, or is in doubt
		t.Error("a batch is said to be staged when none is")
	}
}

// TestNotReadyInDoubt: while a staged batch is in doubt nothing of the next can be under way.
func TestNotReadyInDoubt(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn, watch := staging(t, url), pgtest.Client(t, url), pgtest.Client(t, url)
	const waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND NOT granted AND datname = current_database() AND query LIKE '%s%%'"
	release := holdLog(t, conn)
	batch := send(t.Context(), w, nil, "a")
	pgtest.WaitFor(t, watch, fmt.Sprintf(waiting, "EXECUTE"), 1)
	pgtest.Exec(t, watch, "SELECT pg_terminate_backend($1)", w.session.backend.pid)
	pgtest.WaitFor(t, watch, fmt.Sprintf(waiting, "BEGIN"), 1) // the fence
	var notStored *event.NotStoredError
	if err := w.Ready(t.Context(), 10*time.Millisecond); !errors.As(err, &notStored) {
		t.Errorf("got %v, want not stored", err)
	}
	release()
	<-batch.ended
	if !errors.As(batch.err, &notStored) {
		t.Errorf("got %v %v, want not stored", batch.stored, batch.err)
	}
}

// TestKnownToAnotherServer: what was looked up where it is not written does not count.
func TestKnownToAnotherServer(t *testing.T) {
	t.Parallel()
	w := staging(t, postgrestest.Database(t))
	storetest.Merge(t, w, "other")
	write := func() {
		t.Helper()
		send(t.Context(), w, []bool{true, false}, "known", "other").want(t, false, false)
	}
	write()
	if w.session.merged != 2+1 {
		t.Fatalf("%d rows merged: the look-up has not spared one", w.session.merged)
	}
	w.session.server = "another time"
	write()
	if w.session.merged != 3+2 || !w.lookers.stale.Load() {
		t.Errorf("%d rows merged, connections are kept: %v", w.session.merged, !w.lookers.stale.Load())
	}
	old := w.lookers.all[0].conn
	write()
	if w.lookers.all[0].conn == old {
		t.Error("the connection to another server is still asked")
	}
	w.session.server = w.lookers.all[0].server
	write()
	old = w.lookers.all[0].conn
	if write(); w.lookers.all[0].conn != old {
		t.Error("the connection to the same server is asked once")
	}
}

// TestTwoServersAnswer a look-up, as two connections may after a failover: neither is believed, and both are made anew.
func TestTwoServersAnswer(t *testing.T) {
	t.Parallel()
	w := staging(t, postgrestest.Database(t))
	_, names := suspected(twoLookers)
	asked := keysToLookUp(&batch{Batch: event.Batch{Groups: storetest.Groups(names...)}, received: len(names)}, true)
	for i, two := range []bool{false, true, false} {
		if two {
			w.lookers.all[1].server = "another time"
		}
		if _, err := w.lookers.find(t.Context(), asked, make([]bool, len(names))); (err != nil) != two {
			t.Errorf("look-up %d, two servers %v: %v", i, two, err)
		}
	}
}

// TestNoConnectionForLookUps: batches go without, and who refused is left alone for a
// while, and then asked again.
func TestNoConnectionForLookUps(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := staging(t, url)
	w.lookers.url, w.lookers.pause = "postgres://nobody@127.0.0.1:1/none", time.Hour
	write := func() *time.Time {
		t.Helper()
		send(t.Context(), w, []bool{true}, "known").want(t, false)
		return w.lookers.refused.Load()
	}
	at := write()
	if at == nil || write() != at {
		t.Errorf("refused at %v, and asked again at once", at)
	}
	w.lookers.pause = 0
	if write() == at {
		t.Error("not asked again")
	}
	w.lookers.url = url
	staged := w.session.merged
	write()
	if w.session.merged != staged {
		t.Error("nothing was looked up")
	}
}

// TestNoIDsBlamesNobody: the SQLSTATE of a sequence that has run out is of the class of
// bad data, and says nothing about it.
func TestNoIDsBlamesNobody(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := staging(t, url)
	pgtest.Exec(t, pgtest.Client(t, url), "ALTER SEQUENCE ingot.id_blocks MAXVALUE 65536")
	w.session.nextID = 0
	_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {})
	var notStored *event.NotStoredError
	if !errors.As(err, &notStored) {
		t.Errorf("got %v, want not stored", err)
	}
}

// TestMergeNeverRunsByItself: where its transaction cannot be opened, or not as it has to
// be, nothing is written, and no data are to blame, whatever the SQLSTATE.
func TestMergeNeverRunsByItself(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]string{
		"no BEGIN":    "DEALLOCATE " + beginName,
		"no settings": "DEALLOCATE " + settingsName + "; PREPARE " + settingsName + " (text) AS SELECT 1 / length(left($1, 0))",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			w, conn := staging(t, url), pgtest.Client(t, url)
			if _, err := w.session.conn.Exec(t.Context(), breaks).ReadAll(); err != nil {
				t.Fatal(err)
			}
			_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() { t.Error("COMMIT was sent") })
			var notStored *event.NotStoredError
			if !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
				t.Errorf("got %v, want unavailable", err)
			}
			if got := ids(t, conn); len(got) != 1 {
				t.Errorf("%v are stored", got)
			}
			w.drop() // the next connection knows the statements
			send(t.Context(), w, nil, "a").want(t, true)
		})
	}
}

// TestMergeEndsWithItsContext: a merge that waits for a key is given up when the time of
// the batch is over, certainly not stored, and its backend does not stay behind.
func TestMergeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn, watch := staging(t, url), pgtest.Client(t, url), pgtest.Client(t, url)
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ingot' AND wait_event_type = 'Lock'"
	pgtest.Exec(t, conn, `BEGIN; INSERT INTO ingot.events VALUES ('held', 't', 0, 's', now(), now(), '1')`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batch := send(ctx, w, nil, "a", "held")
	pgtest.WaitFor(t, watch, waiting, 1)
	cancel()
	<-batch.ended
	var notStored *event.NotStoredError
	if !errors.As(batch.err, &notStored) || notStored.Reason != event.ReasonUnavailable { // else the lock timeout has ended it
		t.Errorf("got %v, want unavailable", batch.err)
	}
	send(t.Context(), w, nil, "b").want(t, true)
	pgtest.WaitFor(t, watch, waiting, 0)
	pgtest.Exec(t, conn, "ROLLBACK")
	if got := ids(t, conn); len(got) != 2 {
		t.Errorf("%v are stored, want known and b", got)
	}
}

// TestLargeBatchIsLetGo: its memory does not stay with the connection, on either path.
func TestLargeBatchIsLetGo(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	for _, path := range []Path{PathStaged, PathDirect} {
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		large := storetest.Event("large by " + string(path))
		large.Payload = `"` + strings.Repeat("x", bufKept) + `"`
		stored, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(large)}}, func() {})
		if err != nil || !stored[0] || cap(w.session.buf) > bufKept {
			t.Errorf("%s: %v, %v, %d bytes kept", path, stored, err, cap(w.session.buf))
		}
		storetest.Merge(t, w, "small by "+string(path))
		if w.session.buf == nil {
			t.Errorf("%s: the buffer of a small batch is let go", path)
		}
	}
}
