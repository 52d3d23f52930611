package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/localpg"
	"ingot/internal/pgtest"
)

// TestReadersAreNotTheDatabase: readers that take all connections there are for reading make
// nobody believe that the database is away.
func TestReadersAreNotTheDatabase(t *testing.T) {
	server := pgtest.Durable(t)
	i := startIngester(t, "--database-url", server.URL(), "--query-timeout=1m", "--read-connections=2")
	storeAll(t, i, newLedger(1), 5)
	conn, beside := pgtest.Client(t, server.URL()), pgtest.Client(t, server.URL()) // a transaction sees pg_stat_activity as it was at first
	pgtest.Exec(t, conn, "BEGIN; LOCK TABLE ingot.events IN ACCESS EXCLUSIVE MODE")
	var readers sync.WaitGroup
	for range 5 {
		readers.Go(func() { i.status("/events") })
	}
	await(t, "readers that wait", func() bool {
		return pgtest.Number(t, beside, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ingot reader' AND wait_event_type = 'Lock'") == 2
	})
	if status := i.status("/readyz"); status != http.StatusOK {
		t.Errorf("/readyz says %d", status)
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	readers.Wait()
	i.stop(t)
}

// TestDownAndBack: however the database is away, requests are refused with a
// Retry-After, at once and but for one that tries; when it is back, all is well by
// itself, and every answer given was true.
func TestDownAndBack(t *testing.T) {
	for name, c := range map[string]struct {
		down  func(t *testing.T, server *localpg.Server) (back func())
		ready bool // /readyz asks for reading, which still works
	}{
		"killed":             {down: killed},
		"shut down":          {down: shutDown},
		"hung":               {down: hung},
		"out of connections": {down: outOfConnections},
		"read-only":          {down: refusing("25006"), ready: true},
		"full":               {down: refusing("53100"), ready: true},
		"deadlocked":         {down: refusing("40P01"), ready: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.DurableWith(t, map[string]string{"max_connections": "20"})
			i := startIngester(t, "--database-url", server.URL(), "--deadline=2s", "--attempt-timeout=3s", "--outage-grace=500ms")
			told := newLedger(1)
			storeAll(t, i, told, 5)
			back := c.down(t, server)
			awaitRefusals(t, i, told)
			if status := i.status("/readyz"); (status == http.StatusOK) != c.ready {
				t.Errorf("/readyz says %d", status)
			}
			back()
			awaitStored(t, i, told)
			await(t, "/readyz", func() bool { return i.status("/readyz") == http.StatusOK })
			t.Logf("answers: %v", told.counts())
			told.check(t, pgtest.Client(t, server.URL()))
			i.stop(t)
			verify(t, "--database-url="+server.URL())
		})
	}
}

// awaitRefusals sends until requests are refused at once, and then all but one probe,
// or the next one after it, must be.
func awaitRefusals(t *testing.T, i *ingester, told *ledger) {
	t.Helper()
	const kind = "503 database-unavailable"
	await(t, "refusals", func() bool {
		sendAll(i, told, len(told.answers), 5)
		return told.counts()[kind] > 0
	})
	const crowd = 30
	before := told.counts()[kind]
	sendAll(i, told, len(told.answers), crowd)
	if refused := told.counts()[kind] - before; refused < crowd-2 {
		t.Errorf("%d of %d were refused at once: %v", refused, crowd, told.counts())
	}
	for request, a := range told.answers {
		if a.status == http.StatusServiceUnavailable && a.retryAfter == "" {
			t.Errorf("request %d is answered %v without a Retry-After", request, a)
		}
	}
}

// awaitStored sends until a request is stored.
func awaitStored(t *testing.T, i *ingester, told *ledger) {
	t.Helper()
	await(t, "the database to be used again", func() bool {
		n := len(told.answers)
		sendAll(i, told, n, 1)
		return told.answers[n].status == http.StatusOK
	})
}

func killed(t *testing.T, server *localpg.Server) func() {
	server.Kill()
	return func() { restart(t, server) }
}

// shutDown is what an administrator does: sessions are told 57P01.
func shutDown(t *testing.T, server *localpg.Server) func() {
	_ = syscall.Kill(server.PID(), syscall.SIGINT)
	<-server.Done()
	return func() { restart(t, server) }
}

func restart(t *testing.T, server *localpg.Server) {
	t.Helper()
	if err := server.Restart(context.Background()); err != nil {
		t.Error(err)
	}
}

// hung stops all processes of the server: connections are open, or taken in by the
// kernel, and nobody answers.
func hung(t *testing.T, server *localpg.Server) func() {
	send := func(s syscall.Signal) {
		for _, pid := range postgresOf(t, server.DataDir()) {
			n, _ := strconv.Atoi(pid)
			_ = syscall.Kill(n, s)
		}
	}
	send(syscall.SIGSTOP)
	t.Cleanup(func() { send(syscall.SIGCONT) })
	return func() { send(syscall.SIGCONT) }
}

// outOfConnections takes them all, those of the ingester too.
func outOfConnections(t *testing.T, server *localpg.Server) func() {
	taken := []*pgx.Conn{pgtest.Client(t, server.URL())}
	await(t, "a server without connections", func() bool {
		pgtest.Exec(t, taken[0], "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ingot%'")
		for {
			conn, err := pgx.Connect(context.Background(), server.URL())
			if full, ok := errors.AsType[*pgconn.PgError](err); ok && full.Code == "53300" {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, conn)
		}
		return pgtest.Number(t, taken[0], "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ingot%'") == 0
	})
	return func() {
		for _, conn := range taken[1:] {
			_ = conn.Close(context.Background())
		}
	}
}

// refusing makes the server answer every batch with an ERROR.
func refusing(code string) func(*testing.T, *localpg.Server) func() {
	return func(t *testing.T, server *localpg.Server) func() {
		conn := pgtest.Client(t, server.URL())
		pgtest.Exec(t, conn, fmt.Sprintf(`
			CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END $$;
			CREATE TRIGGER refuse BEFORE INSERT ON ingot.batches EXECUTE FUNCTION public.refuse()`, code))
		return func() { pgtest.Exec(t, conn, "DROP TRIGGER refuse ON ingot.batches") }
	}
}

// TestDiskFull: a real one, with the private Postgres on it, which may not even start
// again while there is no room.
func TestDiskFull(t *testing.T) {
	data := dataFolder(t)
	disk, err := mountDisk(filepath.Dir(data), 300<<20)
	if err != nil {
		t.Skip("not run: no file system can be mounted here: ", err)
	}
	t.Cleanup(func() { // dataFolder's own cleanup removes what it sees
		if err := disk.discard(data); err != nil {
			t.Error(err)
		}
	})
	i := startIngester(t, "--data-dir", data, "--deadline=2s", "--attempt-timeout=3s", "--outage-grace=500ms")
	told := newLedger(10)
	storeAll(t, i, told, 5)
	free, err := disk.fill()
	if err != nil {
		t.Fatal(err)
	}
	told.payload = 100_000
	for told.counts()["503 database-unavailable"] == 0 { // what was reserved is used up first
		sendAll(i, told, len(told.answers), 5)
	}
	if !strings.Contains(i.said(i.stderr)+serverLog(t, data), "No space left on device") {
		t.Error("nobody has complained of a full disk")
	}
	if err := free(); err != nil {
		t.Fatal(err)
	}
	awaitStored(t, i, told)
	t.Logf("answers: %v", told.counts())
	told.check(t, pgtest.Client(t, i.privateURL(t)))
	i.stop(t)
	verify(t, "--data-dir="+data)
}

func serverLog(t *testing.T, data string) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(data, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}
