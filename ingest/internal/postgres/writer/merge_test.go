package writer

import (
	"encoding/json"
	"errors"
	"fmt"
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
		"default_transaction_isolation = 'repeatable read'",
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
	if _, err := w.session.conn.Exec(t.Context(), "SET default_transaction_isolation = 'repeatable read'; SET synchronous_commit = off").ReadAll(); err != nil {
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
	if n := logged.FilterMessage("the durability settings of the database have changed").Len(); n != 1 || logged.Len() != 1 {
		t.Fatalf("told %d times: %v", n, logged.All())
	}
	told, err := json.Marshal(logged.All()[0].ContextMap()) // as the log does
	if text := string(told); err != nil || !strings.Contains(text, `"SynchronousCommit":"local"`) || strings.Contains(text, "Encrypted") {
		t.Errorf("told of what was not compared, or not of what was: %s, %v", text, err)
	}
}

// TestIdleConnectionsAreKept, whatever the role or the database have a server do with them: the next
// batch would be in doubt.
func TestIdleConnectionsAreKept(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET idle_session_timeout = '3s'")
	w := New(url, PathDirect, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	send(t.Context(), w, []bool{true}, "a").want(t, true)
	session, looker := w.session, w.lookers.all[0].conn
	time.Sleep(4 * time.Second)
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
		"log":     {raise + `CREATE TRIGGER fail AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.fail()`, new(*event.NotStoredError)},
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

func TestJudgeCommit(t *testing.T) {
	t.Parallel()
	pgError := func(severity, code string) error {
		return &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code}
	}
	notStored, unknown := new(*event.NotStoredError), new(*event.UnknownError)
	for name, c := range map[string]struct {
		status byte
		tag    string
		err    error
		warned bool
		want   any // nil: committed
	}{
		"COMMIT":                             {'I', "COMMIT", nil, false, nil},
		"COMMIT with a warning":              {'I', "COMMIT", nil, true, unknown},
		"ROLLBACK":                           {'I', "ROLLBACK", nil, false, notStored},
		"no tag at all":                      {'I', "", nil, false, unknown},
		"another tag":                        {'I', "INSERT 0 1", nil, false, unknown},
		"still in the transaction":           {'T', "COMMIT", nil, false, unknown},
		"ERROR before COMMIT":                {'E', "", pgError("ERROR", "55P03"), false, notStored},
		"ERROR in COMMIT":                    {'I', "", pgError("ERROR", "40001"), false, notStored},
		"ERROR of the class of bad data":     {'E', "", pgError("ERROR", "22003"), false, notStored},
		"FATAL":                              {'I', "", pgError("FATAL", "57P01"), false, unknown},
		"PANIC":                              {'I', "", pgError("PANIC", "XX000"), false, unknown},
		"connection lost":                    {'T', "SELECT 1", errors.New("unexpected EOF"), false, unknown},
		"connection lost behind COMMIT":      {'I', "COMMIT", errors.New("unexpected EOF"), false, unknown},
		"ERROR, then the state is not known": {'T', "", pgError("ERROR", "55P03"), false, unknown},
	} {
		err := judgeCommit(c.status, answered{tag: []byte(c.tag), warned: c.warned}, c.err)
		if c.want == nil && err != nil || c.want != nil && !errors.As(err, c.want) {
			t.Errorf("%s: got %v, want %T", name, err, c.want)
		}
	}
}
