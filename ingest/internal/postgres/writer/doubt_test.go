package writer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
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

// lossyProxy stands between the writer and Postgres and loses one COMMIT in a
// chosen way; afterwards it passes everything.
type lossyProxy struct {
	listener net.Listener
	network  string
	address  string

	mu   sync.Mutex
	lose string // "", "question", "answer", "two answers" or "hold"
	held chan func()
	open sync.WaitGroup
}

func newLossyProxy(t *testing.T, url string) *lossyProxy {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossyProxy{listener: l, held: make(chan func(), 1)}
	p.network, p.address = pgconn.NetworkAddress(config.Host, config.Port)
	p.open.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.open.Wait()
	})
	return p
}

// url is the database behind the proxy.
func (p *lossyProxy) url(t *testing.T, url string) string {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return "host=" + host + " port=" + port + " user=" + config.User + " dbname=" + config.Database + " sslmode=disable"
}

func (p *lossyProxy) loseNext(how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = how
}

func (p *lossyProxy) takeLoss() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	how := p.lose
	p.lose = ""
	return how
}

func (p *lossyProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.open.Go(func() { p.forward(client, server) })
	}
}

// forward copies both ways until one side ends. The commit Query is one small
// write, so it comes in one piece.
func (p *lossyProxy) forward(client, server net.Conn) {
	swallow, commits := make(chan struct{}), 1
	var answers sync.WaitGroup
	answers.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			select {
			case <-swallow:
				commits -= bytes.Count(buf[:n], []byte("COMMIT\x00"))
				if commits <= 0 || err != nil {
					_ = client.Close()
					_ = server.Close()
					return
				}
				continue
			default:
			}
			if err != nil {
				_ = client.Close()
				return
			}
			_, _ = client.Write(buf[:n])
		}
	})
	defer answers.Wait()
	defer server.Close()
	defer client.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if buf[0] == 'Q' && bytes.Contains(buf[:n], []byte("EXECUTE ingot_log")) {
			switch how := p.takeLoss(); how {
			case "question":
				return
			case "answer", "two answers":
				if how != "answer" {
					commits = 2
				}
				close(swallow)
			case "hold":
				late := bytes.Clone(buf[:n])
				done := make(chan struct{})
				p.held <- func() { _, _ = server.Write(late); close(done) }
				_, _ = io.Copy(io.Discard, client) // until the writer gives up
				<-done
				return
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestDoubtIsResolved: however a COMMIT is lost, the batch ends as what it is, never
// calls its own rows duplicates, and a second try stores what the first did not.
func TestDoubtIsResolved(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		for how, committed := range map[string]bool{"question": false, "answer": true, "hold": false} {
			t.Run(string(path)+", "+how+" lost", func(t *testing.T) {
				t.Parallel()
				resolvesDoubt(t, path, how, committed)
			})
		}
	}
}

func resolvesDoubt(t *testing.T, path Path, how string, committed bool) {
	url := postgrestest.Database(t)
	p := newLossyProxy(t, url)
	w := New(p.url(t, url), path, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	storetest.Merge(t, w, "a")
	storetest.Merge(t, newWriter(t, url), "a") // whose ids are the greatest, though not of the last batch
	storetest.Merge(t, w, "a")
	p.loseNext(how)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if how == "hold" {
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second) // half of it is spent waiting
		defer cancel()
	}
	stored, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups("b", "c", "b")}, func() {})
	if how == "hold" {
		(<-p.held)() // the bytes arrive after all
	}
	var notStored *event.NotStoredError
	if committed && (err != nil || !equal(stored, true, true, false)) || !committed && !errors.As(err, &notStored) {
		t.Fatalf("got %v %v", stored, err)
	}
	if got := storetest.Merge(t, w, "a", "b", "c", "d"); !equal(got, false, !committed, !committed, true) {
		t.Errorf("the second try: %v", got)
	}
	v := postgrestest.CheckLog(t, url)
	if v.Events != 4 || v.Batches != 5 { // the void row stands in for a lost batch
		t.Errorf("%+v", v)
	}
	if n := len(storetest.Walk(t, newReader(t, url), event.Query{Feed: true, Limit: 2})); n != 4 {
		t.Errorf("the feed has %d events", n)
	}
}

func equal(got []bool, want ...bool) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

// TestFenceHoldsWithoutTheKill: the old transaction is alive and its COMMIT arrives
// after the fence. It must break at first_id, by itself.
func TestFenceHoldsWithoutTheKill(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	old, w := newWriter(t, url), newWriter(t, url)
	b := batch{Batch: event.Batch{Groups: storetest.Groups("a")}, received: 1}
	if err := old.stage(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	committed, err := w.fence(t.Context(), &b)
	if err != nil || committed {
		t.Fatalf("%v %v", committed, err)
	}
	// The fence's own answer may be lost too: fencing again finds the void row.
	if committed, err = w.fence(t.Context(), &b); err != nil || committed {
		t.Fatalf("fenced again: %v %v", committed, err)
	}
	var notStored *event.NotStoredError
	if err := old.sendCommit(t.Context(), &b); !errors.As(err, &notStored) {
		t.Fatalf("the old transaction: %v", err)
	}
	if v := postgrestest.CheckLog(t, url); v.Events != 0 || v.Batches != 1 || v.Received != 0 || v.Stored != 0 {
		t.Errorf("%+v", v)
	}
}

// TestFenceKnowsItsOwn: a row of another instance with the batch's first_id, drawn once
// more after a failover that lost it, is not the batch.
func TestFenceKnowsItsOwn(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	b := batch{Batch: event.Batch{Groups: storetest.Groups("a")}, received: 1}
	if err := w.stage(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	w.Close()
	pgtest.Exec(t, pgtest.Client(t, url), `INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored, total_received, total_stored, instance, committed_at)
		VALUES (1, $1, $1, 1, 1, 1, 1, gen_random_uuid(), now())`, b.first)
	if committed, err := w.fence(t.Context(), &b); err != nil || committed {
		t.Errorf("%v %v, want not committed", committed, err)
	}
	if _, err := fenceFound("SELECT 0", ""); err == nil {
		t.Error("a row that the fence does not see, as under a row security policy, is no answer")
	}
}

// TestFenceWaits: while the old transaction can still commit, the fence waits for
// it, however short a key is waited for, and then tells what it did.
func TestFenceWaits(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	old, w := newWriter(t, url), newWriter(t, url)
	w.instance, w.timeouts.Lock = old.instance, time.Millisecond
	b := batch{Batch: event.Batch{Groups: storetest.Groups("a", "b")}, received: 2}
	if err := old.stage(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "BEGIN; SELECT pg_advisory_xact_lock("+strconv.Itoa(postgres.LogLock)+")")
	results := make(chan error, 2)
	go func() { results <- old.sendCommit(context.Background(), &b) }()
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 1)
	fenced := make(chan bool, 1)
	go func() {
		committed, err := w.fence(context.Background(), &b)
		fenced <- committed
		results <- err
	}()
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 2)
	pgtest.Exec(t, conn, "COMMIT")
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("%v", err)
		}
	}
	if !<-fenced {
		t.Error("the batch has committed, the fence says it has not")
	}
	postgrestest.CheckLog(t, url)
}

// TestAFenceWaitsForStandbys also where it finds its batch, and has no row to write: what it read could still be lost
// with the primary, and nobody would be told.
func TestAFenceWaitsForStandbys(t *testing.T) {
	t.Parallel()
	srv := pgtest.Durable(t)
	if _, err := postgres.Open(t.Context(), srv.URL()); err != nil {
		t.Fatal(err)
	}
	w := New(srv.URL(), PathStaged, testTimeouts, uuid.New(), zap.NewNop())
	t.Cleanup(w.Close)
	storetest.Merge(t, w, "a")
	there := batch{first: w.session.nextID - 1}
	conn, other := pgtest.Client(t, srv.URL()), pgtest.Client(t, srv.URL())
	pgtest.Exec(t, conn, "ALTER SYSTEM SET synchronous_standby_names = 'away'")
	pgtest.Exec(t, conn, "SELECT pg_reload_conf()")
	ctx, cancel := context.WithCancel(t.Context())
	var commits sync.WaitGroup
	commits.Go(func() { // ends with ctx, awaited below
		for ctx.Err() == nil {
			_, _ = other.Exec(ctx, "SELECT pg_logical_emit_message(true, 'test', 'test')")
		}
	})
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", 1) // the server has the setting
	w.Close()                                                                                        // and so has the next connection
	if err := w.Ready(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	soon, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	var unknown *event.UnknownError
	if committed, err := w.fence(soon, &there); !errors.As(err, &unknown) {
		t.Errorf("while the standby is away: %v %v, want unknown", committed, err)
	}
	pgtest.Exec(t, conn, "ALTER SYSTEM RESET synchronous_standby_names")
	pgtest.Exec(t, conn, "SELECT pg_reload_conf()")
	cancel()
	commits.Wait()
	if committed, err := w.fence(t.Context(), &there); err != nil || !committed {
		t.Errorf("once none is waited for: %v %v", committed, err)
	}
}

// TestTheLogIsInTheOrderOfTime, whoever waits for whom: since, until and retention halve it by committed_at. A fence and
// a batch wait for another's commit, on each path.
func TestTheLogIsInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	for name, commit := range map[string]func(w *Writer) error{
		"a fence": func(w *Writer) error {
			_, err := w.fence(context.Background(), &batch{first: 5 * postgres.BlockSize})
			return err
		},
		"staged": func(w *Writer) error {
			_, err := w.Merge(context.Background(), event.Batch{Groups: storetest.Groups("a"), Brief: true}, func() {})
			return err
		},
		"direct": func(w *Writer) error {
			_, err := w.Merge(context.Background(), event.Batch{Groups: storetest.Groups("a"), Suspects: []bool{false}}, func() {})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, conn, url := trusting(t)
			release := holdLog(t, conn)
			waiting := make(chan error, 1)
			go func() { waiting <- commit(w) }() // ends with the lock
			pgtest.WaitFor(t, pgtest.Client(t, url), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 1)
			released := pgtest.Number(t, conn, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
			release()
			if err := <-waiting; err != nil {
				t.Fatal(err)
			}
			if at := pgtest.Number(t, conn, "SELECT (extract(epoch FROM committed_at) * 1000000)::bigint FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1"); at < released {
				t.Errorf("committed_at lies %d µs before the lock was let go", released-at)
			}
		})
	}
}

// TestWarningAtCommit: a COMMIT that comes with a warning is checked by the fence; a fence that is
// warned as well leaves the doubt. What a statement before COMMIT warns of is no doubt. A real
// server warns here, whose database has warnings told to nobody.
func TestWarningAtCommit(t *testing.T) {
	t.Parallel()
	const warn = `CREATE FUNCTION ingot.warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'hm'; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON ingot.batches `
	for _, path := range []Path{PathStaged, PathDirect} {
		for when, doubts := range map[string]int{"DEFERRABLE INITIALLY DEFERRED": 1, "NOT DEFERRABLE": 0} {
			t.Run(string(path)+" "+when, func(t *testing.T) {
				t.Parallel()
				url := postgrestest.Database(t)
				conn := pgtest.Client(t, url)
				pgtest.Exec(t, conn, warn+when+` FOR EACH ROW EXECUTE FUNCTION ingot.warn()`)
				pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET client_min_messages = error")
				core, logged := observer.New(zap.WarnLevel)
				w := New(url, path, testTimeouts, uuid.New(), zap.New(core))
				t.Cleanup(w.Close)
				if storetest.Merge(t, w, "a"); logged.FilterMessage("batch not committed cleanly").Len() != doubts {
					t.Errorf("%v", logged.All())
				}
				fenced, err := w.fence(t.Context(), &batch{first: 5 * postgres.BlockSize})
				var unknown *event.UnknownError
				if fenced || errors.As(err, &unknown) != (doubts > 0) {
					t.Errorf("the fence of a batch that never was: %v %v", fenced, err)
				}
			})
		}
	}
}
