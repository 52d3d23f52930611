package writer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestBatchOfDuplicatesIsLogged: /stats counts them from the log.
func TestBatchOfDuplicatesIsLogged(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	for range 3 {
		storetest.Merge(t, w, "a", "b")
	}
	totals, err := r.Totals(t.Context(), -1, 1<<20)
	if err != nil || totals.Received != 6 || totals.Stored != 2 || totals.Topics["t"] != 2 {
		t.Errorf("%+v %v", totals, err)
	}
	postgrestest.CheckLog(t, url)
}

// TestBlocksDieWithTheirConnection: no id is given out twice, over connections and
// over writers.
func TestBlocksDieWithTheirConnection(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	a, b := newWriter(t, url), newWriter(t, url)
	storetest.Merge(t, a, "1", "2")
	storetest.Merge(t, b, "3")
	a.Close()
	storetest.Merge(t, a, "4")
	storetest.Merge(t, b, "5")
	conn := pgtest.Client(t, url)
	rows, _ := conn.Query(t.Context(), "SELECT id FROM ingot.events ORDER BY event_id")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	want := []int64{1, 2, postgres.BlockSize + 1, 2*postgres.BlockSize + 1, postgres.BlockSize + 2}
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %v %v, want %v", ids, err, want)
	}
	postgrestest.CheckLog(t, url)
}

// TestNewBlockWhenOneIsUsedUp: a batch that the rest of a block does not hold has its ids of the next one.
func TestNewBlockWhenOneIsUsedUp(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	last := w.session.lastID
	w.session.nextID = last - 2 // as if all others had been given out
	storetest.Merge(t, w, "b", "c")
	storetest.Merge(t, w, "d", "e") // of which the block holds one
	if w.session.lastID != last+postgres.BlockSize || w.session.nextID != last+3 {
		t.Errorf("ids go on at %d, up to %d; the first block ended at %d", w.session.nextID, w.session.lastID, last)
	}
	postgrestest.CheckLog(t, url)
	tooMany := make([]event.Event, postgres.BlockSize+1)
	var notStored *event.NotStoredError
	if _, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(tooMany...)}}, func() {}); !errors.As(err, &notStored) {
		t.Errorf("a batch over the block: %v", err)
	}
}

// TestSequenceBehindTheLog: blocks that the log has are passed over, as on a logical replica whose
// sequence nobody has moved.
func TestSequenceBehindTheLog(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	a, b := newWriter(t, url), newWriter(t, url)
	storetest.Merge(t, a, "1")
	storetest.Merge(t, a, "2", "3")
	storetest.Merge(t, b, "4")
	pgtest.Exec(t, pgtest.Client(t, url), "SELECT setval('ingot.id_blocks', 1, false)")
	c := newWriter(t, url)
	storetest.Merge(t, c, "5", "6")
	storetest.Merge(t, c, "7")
	if got, want := storetest.Walk(t, newReader(t, url), event.Query{Feed: true, Limit: 10}), 7; len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
		t.Errorf("%v are read, want %d events", got, want)
	}
	postgrestest.CheckLog(t, url)
}

// TestIDsComeAfterTheLog: where the sequence lies behind the log, the blocks that nobody has used of those before
// it, or whose batches retention has deleted, are passed over as well: newest first goes by id, and since by the
// order of ids.
func TestIDsComeAfterTheLog(t *testing.T) {
	t.Parallel()
	for name, pruned := range map[string]string{
		"never used": "SELECT",
		"deleted":    "DELETE FROM ingot.events WHERE event_id = '1'; DELETE FROM ingot.batches WHERE commit_seq = 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			storetest.Merge(t, newWriter(t, url), "1")
			pgtest.Exec(t, conn, "SELECT nextval('ingot.id_blocks')")
			storetest.Merge(t, newWriter(t, url), "2")
			pgtest.Exec(t, conn, pruned)
			pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = committed_at - interval '2 hours'")
			pgtest.Exec(t, conn, "SELECT setval('ingot.id_blocks', 1, false)")
			storetest.Merge(t, newWriter(t, url), "3")
			pgtest.Exec(t, conn, "UPDATE ingot.events SET received_at = now()")
			last := pgtest.Number(t, conn, "SELECT id FROM ingot.events WHERE event_id = '2'")
			if id := pgtest.Number(t, conn, "SELECT id FROM ingot.events WHERE event_id = '3'"); id <= last {
				t.Errorf("the newest event has id %d, the one before %d", id, last)
			}
			since := time.Now().Add(-3 * time.Hour)
			if got := storetest.Walk(t, newReader(t, url), event.Query{Limit: 1, Since: since}); len(got) < 2 || !strings.HasSuffix(got[0], "/3") || !strings.HasSuffix(got[1], "/2") {
				t.Errorf("newest first: %v", got)
			}
		})
	}
}

// TestLostConnectionIsReplaced before COMMIT nothing is stored, and the next batch
// finds a new connection, whatever found out that the old one is lost.
func TestLostConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(w *Writer){
		"rows are sent":    func(*Writer) {},
		"a block is drawn": func(w *Writer) { w.session.nextID = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			w := newWriter(t, url)
			storetest.Merge(t, w, "a")
			first(w)
			conn := pgtest.Client(t, url)
			const theirs = "FROM pg_stat_activity WHERE application_name = 'ingot' AND datname = current_database()"
			pgtest.Exec(t, conn, "SELECT pg_terminate_backend(pid) "+theirs)
			pgtest.WaitFor(t, conn, "SELECT count(*) "+theirs, 0)
			var notStored *event.NotStoredError
			if _, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b")}, func() {}); !errors.As(err, &notStored) {
				t.Fatalf("got %v, want not stored", err)
			}
			storetest.Merge(t, w, "b")
			if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events"); n != 2 {
				t.Errorf("%d rows", n)
			}
			postgrestest.CheckLog(t, url)
		})
	}
}

// TestTransactionSaysWhatItNeeds: defaults of the role or the database do not
// change what a batch does, nor how long; what somebody has set on its connection does not
// change what it does.
func TestTransactionSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	for _, setting := range []string{
		"default_transaction_isolation = 'repeatable read'", "default_transaction_read_only = on",
		"synchronous_commit = off", "statement_timeout = '7s'", "lock_timeout = '7s'", "idle_in_transaction_session_timeout = '7s'", "TimeZone = 'Asia/Tokyo'", "DateStyle = 'German'",
	} {
		pgtest.Exec(t, conn, fmt.Sprintf("ALTER DATABASE %s SET %s", pgx.Identifier{conn.Config().Database}.Sanitize(), setting))
	}
	pgtest.Exec(t, conn, `
		CREATE TABLE public.said (settings text);
		CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO public.said VALUES (concat_ws(', ', current_setting('synchronous_commit'), current_setting('transaction_isolation'),
				current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')));
			RETURN NULL;
		END $$;
		CREATE TRIGGER note AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION public.note()`)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a", "b")
	w.session.merged = 0
	if _, err := w.session.conn.Exec(t.Context(), "SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on; SET synchronous_commit = off").ReadAll(); err != nil {
		t.Fatal(err)
	}
	storetest.Merge(t, w, "b", "c")
	if w.session.merged == 0 {
		t.Error("the second batch was not staged")
	}
	direct := New(url, PathDirect, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(direct.Close)
	if _, err := direct.Merge(t.Context(), event.Batch{Groups: storetest.Groups("d"), Suspects: []bool{false}}, func() {}); err != nil || direct.session.merged != 0 {
		t.Errorf("%v, %d rows merged", err, direct.session.merged)
	}
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM public.said WHERE settings = 'on, read committed, 1min, 0, 1min'"); n != 3 {
		t.Errorf("%d of 3 batches were committed durably, in the isolation they rely on, and within the times", n)
	}
	if got := allRows(t, conn); len(got) != 4 || got[storetest.Key{ID: "c", Topic: "t"}] != storetest.Event("c") {
		t.Errorf("%v", got)
	}
}

// TestRemoteApplyIsKept: who asks for more than a flush gets it, of batches on each path and of the fence.
func TestRemoteApplyIsKept(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, fmt.Sprintf("ALTER DATABASE %s SET synchronous_commit = remote_apply", pgx.Identifier{conn.Config().Database}.Sanitize()))
	pgtest.Exec(t, conn, `
		CREATE TABLE public.said (setting text);
		CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO public.said VALUES (current_setting('synchronous_commit'));
			RETURN NULL;
		END $$;
		CREATE TRIGGER note AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION public.note()`)
	for i, path := range []Path{PathStaged, PathDirect} {
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		if _, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups(string(path)), Suspects: []bool{false}}, func() {}); err != nil || (w.session.merged == 0) != (path == PathDirect) {
			t.Errorf("%s: %v, %d rows merged", path, err, w.session.merged)
		}
		if committed, err := w.fence(t.Context(), &batch{first: int64(100+i) * postgres.BlockSize}); committed || err != nil {
			t.Errorf("%s: the fence of a batch that never was: %v %v", path, committed, err)
		}
	}
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM public.said WHERE setting = 'remote_apply'"); n != 4 {
		t.Errorf("%d of 2 batches and 2 fences were committed with remote_apply", n)
	}
}

// TestAnotherPromiseIsTold once, when a connection finds that commits are worth less than before.
func TestAnotherPromiseIsTold(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	core, logged := observer.New(zap.WarnLevel)
	w := New(url, PathAuto, testTimeouts, uuid.New(), zap.New(core))
	t.Cleanup(w.Close)
	for i, commit := range []string{"on", "on", "local", "local"} {
		pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET synchronous_commit = "+commit)
		w.Close()
		storetest.Merge(t, w, fmt.Sprint(i))
	}
	if n := logged.FilterMessage("the database promises something else of a commit than before").Len(); n != 1 || logged.Len() != 1 {
		t.Errorf("told %d times: %v", n, logged.All())
	}
}

// TestIdleConnectionsAreKept, whatever the role or the database have a server do with them: the next
// batch would be in doubt.
func TestIdleConnectionsAreKept(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET idle_session_timeout = '500ms'")
	w := New(url, PathDirect, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	send(t.Context(), w, []bool{true}, "a").want(t, true)
	session, looker := w.session, w.lookers.all[0].conn
	time.Sleep(time.Second)
	send(t.Context(), w, []bool{true}, "b").want(t, true)
	if w.session != session || looker == nil || looker.IsClosed() || w.lookers.all[0].conn != looker {
		t.Error("a connection that was idle is gone")
	}
}

// TestAllTextIsUTF8: a key is the same key whatever encoding the database or the URL gives to
// clients, on both paths, and readers find it.
func TestAllTextIsUTF8(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	for n, encoding := range []string{"UTF8", "LATIN1", "EUC_JP", "SQL_ASCII"} {
		pgtest.Exec(t, conn, fmt.Sprintf("ALTER DATABASE %s SET client_encoding = '%s'", pgx.Identifier{conn.Config().Database}.Sanitize(), encoding))
		for _, path := range []Path{PathStaged, PathDirect} {
			w, r := newWriter(t, url+"&client_encoding="+encoding), newReader(t, url+"&client_encoding="+encoding)
			w.chooser.path = path
			e := storetest.Event("é")
			e.Topic = "ä€"
			own := e
			own.ID = fmt.Sprint("Á", n, path)
			stored, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(e, own)}}, func() {})
			if first := n == 0 && path == PathStaged; err != nil || !equal(stored, first, true) {
				t.Fatalf("%s, %s: %v %v", encoding, path, stored, err)
			}
			if got, there, err := r.Event(t.Context(), e.Topic, e.ID); err != nil || !there || got.Event != e {
				t.Errorf("%s, %s: %+v %v %v", encoding, path, got, there, err)
			}
			w.Close()
		}
	}
	totals, err := newReader(t, url).Totals(t.Context(), -1, 1<<20)
	if err != nil || totals.Topics["ä€"] != 9 || len(totals.Topics) != 1 {
		t.Errorf("%v %v", totals.Topics, err)
	}
	postgrestest.CheckLog(t, url)
}

// TestKeyHeldByAnotherTransaction ends in the lock timeout, certainly not stored.
func TestKeyHeldByAnotherTransaction(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `BEGIN; INSERT INTO ingot.events VALUES ('held', 't', 0, 's', now(), now(), '1')`)
	w := newWriter(t, url)
	w.timeouts.Lock = 1e6 // 1 ms
	_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a", "held")}, func() { t.Error("COMMIT was sent") })
	var notStored *event.NotStoredError
	if !errors.As(err, &notStored) || notStored.Reason != event.ReasonKeyHeld {
		t.Fatalf("got %v, want not stored for a held key", err)
	}
	w.timeouts.Lock = time.Minute
	w.Close()
	if _, err = w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("held"), Brief: true}, func() {}); !errors.As(err, &notStored) || notStored.Reason != event.ReasonKeyHeld {
		t.Fatalf("brief: got %v, want not stored for a held key", err)
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	storetest.Merge(t, w, "a", "held")
	postgrestest.CheckLog(t, url)
}

// TestTableLockIsNotAKey: whoever has locked the table keeps everybody out, and no request is to blame.
func TestTableLockIsNotAKey(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	pgtest.Exec(t, conn, "BEGIN; LOCK TABLE ingot.events IN SHARE MODE")
	w.timeouts.Lock = 1e8 // 100 ms
	for _, brief := range []bool{false, true} {
		_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b"), Brief: brief}, func() { t.Error("COMMIT was sent") })
		var notStored *event.NotStoredError
		if !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
			t.Errorf("brief %t: got %v, want not stored, and not for a key", brief, err)
		}
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	storetest.Merge(t, w, "b")
}

// TestLogLockIsNotAKey: the log's lock held by somebody is not bad data and stores
// nothing either, though COMMIT was on its way.
func TestLogLockIsNotAKey(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", postgres.LogLock))
	w := newWriter(t, url)
	w.timeouts.Statement = 1e8 // 100 ms
	_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {})
	var notStored *event.NotStoredError
	if !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
		t.Fatalf("got %v, want not stored, and not for a key", err)
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	w.timeouts = testTimeouts
	w.Close()
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events"); n != 0 {
		t.Errorf("%d rows", n)
	}
	storetest.Merge(t, w, "a")
	postgrestest.CheckLog(t, url)
}

// TestErrorInTheCommitQuery: a server that says ERROR before COMMIT has not
// committed. A deferred constraint fails inside COMMIT itself: the same.
func TestErrorInTheCommitQuery(t *testing.T) {
	t.Parallel()
	for name, timing := range map[string]string{"in the log row": "NOT DEFERRABLE", "in COMMIT": "DEFERRABLE INITIALLY DEFERRED"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			pgtest.Exec(t, conn, `
				CREATE FUNCTION ingot.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
				CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON ingot.batches `+timing+` FOR EACH ROW EXECUTE FUNCTION ingot.fail()`)
			w := newWriter(t, url)
			var notStored *event.NotStoredError
			if _, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {}); !errors.As(err, &notStored) {
				t.Fatalf("got %v, want not stored", err)
			}
			if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events"); n != 0 {
				t.Errorf("%d rows", n)
			}
			pgtest.Exec(t, conn, "DROP TRIGGER fail ON ingot.batches")
			storetest.Merge(t, w, "a")
		})
	}
}

// TestErrorsAreClassedByStatement: the same SQLSTATE blames the data when the merge
// raises it, and nobody when it comes from the log or from setting up the session.
func TestErrorsAreClassedByStatement(t *testing.T) {
	t.Parallel()
	const raise = `CREATE FUNCTION ingot.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22023'; END $$;`
	for name, c := range map[string]struct {
		failing string
		want    any
	}{
		"merge":   {raise + `CREATE TRIGGER fail BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.fail()`, new(*event.BadDataError)},
		"log":     {raise + `CREATE TRIGGER fail BEFORE INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.fail()`, new(*event.NotStoredError)},
		"topics":  {raise + `CREATE TRIGGER fail BEFORE INSERT ON ingot.topics FOR EACH ROW EXECUTE FUNCTION ingot.fail()`, new(*event.NotStoredError)},
		"session": {`ALTER SEQUENCE ingot.id_blocks MAXVALUE 65537 RESTART 65537; SELECT nextval('ingot.id_blocks')`, new(*event.NotStoredError)}, // 2200H
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			pgtest.Exec(t, pgtest.Client(t, url), c.failing)
			w := newWriter(t, url)
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {}); !errors.As(err, c.want) {
				t.Errorf("got %v %v, want %T", stored, err, c.want)
			}
			if w.session == nil || w.session.conn.TxStatus() != 'I' {
				t.Error("the connection is left in a transaction, or is gone")
			}
		})
	}
}

// TestATriggerChangesIDs: no row can be told to be an event's then. Nothing is stored, and the
// ingester lives.
func TestATriggerChangesIDs(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"before the batch": "0", "behind it": "NEW.id + 100000", "another event's": "NEW.id - NEW.id % 2 + 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			pgtest.Exec(t, conn, `
				CREATE FUNCTION ingot.change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := `+id+`; RETURN NEW; END $$;
				CREATE TRIGGER change BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.change()`)
			w := newWriter(t, url)
			w.chooser.path = PathStaged
			var notStored *event.NotStoredError
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a", "b", "c")}, func() {}); !errors.As(err, &notStored) {
				t.Errorf("got %v %v, want not stored", stored, err)
			}
			pgtest.Exec(t, conn, "DROP TRIGGER change ON ingot.events")
			storetest.Merge(t, w, "a", "b", "c")
		})
	}
}

func TestJudgeCommit(t *testing.T) {
	t.Parallel()
	tag := func(tags ...string) (results []*pgconn.Result) {
		for _, t := range tags {
			results = append(results, &pgconn.Result{CommandTag: pgconn.NewCommandTag(t)})
		}
		return results
	}
	pgError := func(severity, code string) error {
		return &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code}
	}
	notStored, unknown := new(*event.NotStoredError), new(*event.UnknownError)
	for name, c := range map[string]struct {
		status  byte
		results []*pgconn.Result
		err     error
		warned  bool
		want    any // nil: committed
	}{
		"COMMIT":                             {'I', tag("SELECT 1", "INSERT 0 1", "COMMIT"), nil, false, nil},
		"COMMIT with a warning":              {'I', tag("COMMIT"), nil, true, unknown},
		"ROLLBACK":                           {'I', tag("ROLLBACK"), nil, false, notStored},
		"no tag at all":                      {'I', nil, nil, false, unknown},
		"another tag":                        {'I', tag("INSERT 0 1"), nil, false, unknown},
		"still in the transaction":           {'T', tag("COMMIT"), nil, false, unknown},
		"ERROR before COMMIT":                {'E', nil, pgError("ERROR", "55P03"), false, notStored},
		"ERROR in COMMIT":                    {'I', nil, pgError("ERROR", "40001"), false, notStored},
		"ERROR of the class of bad data":     {'E', nil, pgError("ERROR", "22003"), false, notStored},
		"FATAL":                              {'I', nil, pgError("FATAL", "57P01"), false, unknown},
		"PANIC":                              {'I', nil, pgError("PANIC", "XX000"), false, unknown},
		"connection lost":                    {'T', tag("SELECT 1"), errors.New("unexpected EOF"), false, unknown},
		"connection lost behind COMMIT":      {'I', tag("COMMIT"), errors.New("unexpected EOF"), false, unknown},
		"ERROR, then the state is not known": {'T', nil, pgError("ERROR", "55P03"), false, unknown},
	} {
		err := judgeCommit(c.status, lastTag(c.results), c.err, c.warned)
		if c.want == nil && err != nil || c.want != nil && !errors.As(err, c.want) {
			t.Errorf("%s: got %v, want %T", name, err, c.want)
		}
	}
}

// TestPlans: the statements of a batch use their indexes whatever the size of the
// tables, and JIT stays off.
func TestPlans(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	for _, rows := range []int{0, 50_000} {
		if rows > 0 {
			pgtest.Exec(t, pgtest.Client(t, url), `INSERT INTO ingot.batches SELECT n + 1000, n + 1e9, n + 1e9, 1, 1, n, n, gen_random_uuid(), now() FROM generate_series(1, $1::int) AS n`, rows)
			pgtest.Exec(t, pgtest.Client(t, url), `INSERT INTO ingot.topics SELECT n, 1 FROM generate_series(1, $1::int) AS n`, rows)
		}
		for name, sql := range map[string]string{
			"log":  "EXPLAIN EXECUTE " + w.session.logName + " (1, 1, 1, NULL, false)",
			"fold": "EXPLAIN EXECUTE ingot_fold (NULL)",
		} {
			results, err := w.session.conn.Exec(t.Context(), sql).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			plan := ""
			for _, line := range results[0].Rows {
				plan += string(line[0]) + "\n"
			}
			if strings.Contains(plan, "Seq Scan on batches") || strings.Contains(plan, "Seq Scan on topics") || strings.Contains(plan, "JIT") {
				t.Errorf("%s with %d rows:\n%s", name, rows, plan)
			}
			if name == "log" && !strings.Contains(plan, "Index Scan Backward using batches_pkey") {
				t.Errorf("%s with %d rows:\n%s", name, rows, plan)
			}
		}
	}
}

// TestLookUpPlan: known keys are found by the primary key on an empty, a fresh and
// a large table, where an index that somebody has made would read whole topics.
func TestLookUpPlan(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn := newWriter(t, url), pgtest.Client(t, url)
	pgtest.Exec(t, conn, `CREATE INDEX ON ingot.events (topic, id)`)
	storetest.Merge(t, w, "a")
	ids := make([]string, 900)
	for i := range ids {
		ids[i] = fmt.Sprint(i * 7)
	}
	topics := slices.Repeat([]string{"t"}, len(ids))
	inArrays := strings.NewReplacer("$1", "'{"+strings.Join(ids, ",")+"}'", "$2", "'{"+strings.Join(topics, ",")+"}'")
	inHex := strings.NewReplacer("$1", fmt.Sprintf("'%x'", strings.Join(ids, "\n")), "$2", fmt.Sprintf("'%x'", strings.Join(topics, "\n")))
	for _, size := range []string{"one row", "20,000 rows without statistics", "20,000 rows with statistics"} {
		switch size {
		case "20,000 rows without statistics":
			pgtest.Exec(t, conn, `ALTER TABLE ingot.events SET (autovacuum_enabled = off)`)
			pgtest.Exec(t, conn, `INSERT INTO ingot.events SELECT n::text, 't', n + 1e6, 's', now(), now(), '1' FROM generate_series(1, 20000) AS n`)
		case "20,000 rows with statistics":
			pgtest.Exec(t, conn, `ANALYZE ingot.events`)
		}
		for _, query := range []string{inArrays.Replace(lookUpQuery), inHex.Replace(checkQuery)} {
			checkLookUpPlan(t, w, size, query)
		}
	}
}

func checkLookUpPlan(t *testing.T, w *Writer, size, query string) {
	t.Helper()
	results, err := w.session.conn.Exec(t.Context(), "EXPLAIN "+query).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	plan := ""
	for _, line := range results[0].Rows {
		plan += string(line[0]) + "\n"
	}
	if size != "one row" && !strings.Contains(plan, "using events_pkey") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Hash") || strings.Contains(plan, "JIT") {
		t.Errorf("%s:\n%s", size, plan)
	}
}
