package postgres_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/reader"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

const (
	orderProcesses = 3
	orderWriters   = 4     // a process
	orderRows      = 4_300 // a writer, of keys that nobody else writes
	orderKillEvery = 1_000 // rows, on average, between two backends ended
)

// orderTrouble makes the server as unkind to the order as it can be: statements
// that linger between the keys and the log, commits that linger under the log's
// lock, and some that fail there. The ticket is what a naive design would follow: a
// serial number taken when the rows are written.
const orderTrouble = `
CREATE TABLE public.tickets (n bigserial PRIMARY KEY);
CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO public.tickets DEFAULT VALUES;
	IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.01); END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER linger AFTER INSERT ON ingot.events FOR EACH STATEMENT EXECUTE FUNCTION public.linger();
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.003); END IF;
	IF random() < 0.02 THEN RAISE EXCEPTION 'injected'; END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER refuse AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION public.refuse();`

// TestFeedOrderUnderStress: whoever follows the feed while 12 writers in three
// processes commit, dawdle, fail and lose their connections gets every row once, in
// the order in which a walk afterwards finds them. Two naive readers beside it lose
// rows: one goes by id, one by a serial number, so the trouble was real.
//
// Not parallel: it wants both cores for itself.
func TestFeedOrderUnderStress(t *testing.T) {
	url := pgtest.Durable(t).URL()
	if _, err := postgres.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, orderTrouble)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)

	done := make(chan struct{})
	killer := &backendKiller{conn: pgtest.Client(t, url), random: rand.New(rand.NewPCG(seed, 0))}
	feed := &feedReader{reader: newReader(t, url), read: killer.progress}
	byID := &naiveReader{conn: pgtest.Client(t, url), sql: "SELECT id FROM ingot.events WHERE id > $1 ORDER BY id"}
	bySerial := &naiveReader{conn: pgtest.Client(t, url), sql: "SELECT n FROM public.tickets WHERE n > $1 ORDER BY n"}
	var readers sync.WaitGroup
	for _, next := range []func(context.Context) (bool, error){feed.next, byID.next, bySerial.next} {
		readers.Go(func() { // ends after done is closed, awaited below
			if err := follow(t.Context(), done, next); err != nil {
				t.Errorf("follow: %v", err)
			}
		})
	}
	report := runOrderWriters(t, url, seed)
	close(done)
	readers.Wait()

	t.Logf("%d rows in %d batches; %d backends ended, %d attempts lost, %d unknown, %d refused, %d poisoned",
		len(feed.seen), report.Batches, killer.killed, report.Lost, report.Unknown, report.Refused, report.Poisoned)
	for _, s := range report.Surprises {
		t.Errorf("a writer met what nobody injected: %s", s)
	}
	if report.Lost+report.Unknown == 0 || report.Refused == 0 || report.Poisoned == 0 {
		t.Error("a kind of trouble never came")
	}
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.batches WHERE received = 0"); n == 0 {
		t.Error("no batch in doubt was ever fenced off")
	} else {
		t.Logf("%d batches in doubt were fenced off", n)
	}
	checkFollowed(t, url, feed.seen)
	checkOrderKeys(t, conn, report)
	checkMissed(t, conn, byID, "SELECT count(*) FROM ingot.events", "goes by id")
	checkMissed(t, conn, bySerial, "SELECT count(*) FROM public.tickets", "goes by a serial number")
	postgrestest.CheckLog(t, url)
}

// checkFollowed holds what the live reader saw against a walk afterwards, and both
// against the table.
func checkFollowed(t *testing.T, url string, live []int64) {
	t.Helper()
	over := make(chan struct{})
	close(over)
	after := &feedReader{reader: newReader(t, url), read: func(int) error { return nil }}
	if err := follow(t.Context(), over, after.next); err != nil {
		t.Fatal(err)
	}
	rows, _ := pgtest.Client(t, url).Query(t.Context(), `SELECT e.id FROM ingot.events AS e CROSS JOIN LATERAL (
		SELECT commit_seq FROM ingot.batches AS b WHERE b.first_id <= e.id ORDER BY first_id DESC LIMIT 1
	) AS b ORDER BY b.commit_seq, e.id`)
	table, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(live, after.seen) {
		t.Errorf("the live reader saw %d rows, a walk afterwards %d; they part at %d", len(live), len(after.seen), parting(live, after.seen))
	}
	if !slices.Equal(after.seen, table) {
		t.Errorf("a walk saw %d rows, the table holds %d; they part at %d", len(after.seen), len(table), parting(after.seen, table))
	}
	if len(table) < 50_000 {
		t.Errorf("only %d rows", len(table))
	}
}

// parting is the first place where two lists differ.
func parting(a, b []int64) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// checkOrderKeys: what was answered is what is there.
func checkOrderKeys(t *testing.T, conn *pgx.Conn, r orderReport) {
	t.Helper()
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events WHERE topic = 'own'"); n != orderProcesses*orderWriters*orderRows {
		t.Errorf("%d rows of keys with one writer, want %d", n, orderProcesses*orderWriters*orderRows)
	}
	slices.Sort(r.Tried)
	if n, want := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events WHERE topic = 'contended'"), len(slices.Compact(r.Tried)); n != int64(want) {
		t.Errorf("%d rows of contended keys, want %d", n, want)
	}
	slices.Sort(r.Stored)
	if told := len(r.Stored); len(slices.Compact(r.Stored)) != told {
		t.Errorf("%d keys were answered stored more than once", told-len(slices.Compact(r.Stored)))
	}
}

// checkMissed: a naive reader that loses nothing would show that this test can not
// fail.
func checkMissed(t *testing.T, conn *pgx.Conn, r *naiveReader, count, how string) {
	t.Helper()
	total := pgtest.Number(t, conn, count)
	t.Logf("the reader that %s missed %d of %d", how, total-r.seen, total)
	if r.seen >= total {
		t.Errorf("the reader that %s missed nothing: the order was never in danger", how)
	}
}

// follow polls until there is nothing new after done.
func follow(ctx context.Context, done <-chan struct{}, next func(context.Context) (bool, error)) error {
	pace := time.NewTicker(2 * time.Millisecond) // a pause for the writers' sake: nothing relies on it
	defer pace.Stop()
	for {
		over := false
		select {
		case <-done:
			over = true
		default:
		}
		more, err := next(ctx)
		if err != nil || over && !more {
			return err
		}
		if !more {
			<-pace.C
		}
	}
}

// feedReader follows the feed by its cursor.
type feedReader struct {
	reader *reader.Reader
	read   func(rows int) error // told of each page
	cursor string
	seen   []int64
}

func (f *feedReader) next(ctx context.Context) (more bool, err error) {
	page, err := f.reader.Events(ctx, event.Query{Feed: true, Cursor: f.cursor, Limit: 1000, MaxBytes: 8 << 20})
	if err != nil {
		return false, err
	}
	for _, e := range page.Events {
		f.seen = append(f.seen, e.Position.ID)
	}
	more = page.Next != f.cursor
	f.cursor = page.Next
	return more, f.read(len(page.Events))
}

// naiveReader takes the highest number it has seen for a cursor.
type naiveReader struct {
	conn *pgx.Conn
	sql  string
	last int64
	seen int64
}

func (n *naiveReader) next(ctx context.Context) (more bool, err error) {
	rows, _ := n.conn.Query(ctx, n.sql, n.last)
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(numbers) == 0 {
		return false, err
	}
	n.seen += int64(len(numbers))
	n.last = numbers[len(numbers)-1]
	return true, nil
}

// backendKiller ends a writer's backend each time so many rows have come by.
type backendKiller struct {
	conn   *pgx.Conn
	random *rand.Rand
	left   int
	killed int64
}

func (k *backendKiller) progress(rows int) error {
	if k.left -= rows; k.left > 0 {
		return nil
	}
	k.left = k.random.IntN(2 * orderKillEvery)
	tag, err := k.conn.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'ingot' AND datname = current_database() ORDER BY random() LIMIT 1`)
	k.killed += tag.RowsAffected()
	return err
}
