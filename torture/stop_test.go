package torture

import (
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// patient keeps every limit on time out of a test that holds the database still.
var patient = []string{"--deadline=170s", "--attempt-timeout=170s", "--lock-timeout=170s", "--drain-timeout=170s"}

// TestStopAnswersWhoeverWaits: SIGTERM while requests wait for a database that does
// not move.
func TestStopAnswersWhoeverWaits(t *testing.T) {
	server := pgtest.Durable(t)
	i := startIngester(t, append(patient, "--database-url", server.URL())...)
	conn := pgtest.Client(t, server.URL())
	stopWhileWaiting(t, i, conn, func() { i.Signal(syscall.SIGTERM) })
	verify(t, "--database-url="+server.URL())
}

// TestCtrlCDrainsBeforePostgresStops: a terminal sends SIGINT to the whole group,
// and the private Postgres must not be in it.
func TestCtrlCDrainsBeforePostgresStops(t *testing.T) {
	data := dataFolder(t)
	i := startIngester(t, append(patient, "--data-dir", data)...)
	conn := pgtest.Client(t, i.privateURL(t))
	stopWhileWaiting(t, i, conn, func() { i.signalGroup(syscall.SIGINT) })
	checkStopped(t, data)
}

// checkStopped: whoever waited is stored, and the private Postgres is gone.
func checkStopped(t *testing.T, data string) {
	t.Helper()
	if left := postgresOf(t, data); len(left) > 0 {
		t.Errorf("Postgres processes left: %v", left)
	}
	if n := pgtest.Number(t, openFolder(t, data), "SELECT count(*) FROM ingot.events"); n != waiting*waitingEvents {
		t.Errorf("%d events after the stop, want %d", n, waiting*waitingEvents)
	}
}

const (
	waiting       = 20 // requests
	waitingEvents = 5
)

// stopWhileWaiting fills the queue, stops the ingester, sees new requests refused
// and the database still there, lets the database move, and wants every waiter
// answered and a clean end.
func stopWhileWaiting(t *testing.T, i *ingester, conn *pgx.Conn, stop func()) {
	t.Helper()
	unblock := block(t, conn)
	told, waiters := fillQueue(t, i)
	stop()
	awaitStopping(t, i)
	if ready := i.status("/readyz"); ready != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d after the signal", ready)
	}
	late := i.publishBytes(events(waiting, waitingEvents, 10))
	if late.status != http.StatusServiceUnavailable || late.problem != "draining" || late.retryAfter == "" {
		t.Errorf("a request after the signal is answered %v", late)
	}
	told.add(waiting, late)
	if n := pgtest.Number(t, conn, "SELECT 1"); n != 1 || i.Ended() {
		t.Error("the database, or the ingester, is gone before the queue is")
	}
	unblock()
	waiters.Wait()
	if got := fmt.Sprint(told.counts()); got != fmt.Sprintf("map[200:%d 503 draining:1]", waiting) {
		t.Errorf("answers: %s", got)
	}
	if n := told.lasts(); n != waiting+1 {
		t.Errorf("%d of %d answers tell that the connection ends: a next request on it would get none", n, waiting+1)
	}
	if code := i.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// fillQueue returns when as many requests wait as there are to be.
func fillQueue(t *testing.T, i *ingester) (told *ledger, waiters *sync.WaitGroup) {
	t.Helper()
	told, waiters = newLedger(waitingEvents), new(sync.WaitGroup)
	for request := range waiting {
		waiters.Go(func() { told.add(request, i.publishBytes(events(request, waitingEvents, 10))) }) // ends with its answer
	}
	i.awaitStats(t, "a queue with all of them", func(s stats) bool { return s.Queue.Events == waiting*waitingEvents })
	return told, waiters
}

func awaitStopping(t *testing.T, i *ingester) {
	t.Helper()
	await(t, "the log to say that it stops", func() bool { return i.logged("stopping: no new events are accepted, waiting for the queue") })
}

// TestStopUnderLoad: SIGTERM while many clients send as fast as they can. Whoever was
// told "stored" finds it; whoever was refused, or found the door closed, does not.
func TestStopUnderLoad(t *testing.T) {
	const clients, size = 32, 10
	random := newSeed(t)
	server := pgtest.Durable(t)
	for round := range 5 {
		conn := pgtest.Client(t, server.URL())
		i := startIngester(t, "--database-url", server.URL())
		pgtest.Exec(t, conn, "TRUNCATE ingot.events, ingot.batches, ingot.topics")
		told := newLedger(size)
		var load sync.WaitGroup
		for client := range clients {
			load.Go(func() { // ends when the door is closed
				for n := client; ; n += clients {
					a := i.publishBytes(events(n, size, 100))
					told.add(n, a)
					if a.err != nil {
						return
					}
				}
			})
		}
		moment := random.Int64N(5000)
		i.awaitStats(t, "some events", func(s stats) bool { return s.Unique >= moment })
		i.stop(t)
		load.Wait()
		counts := told.counts()
		t.Logf("round %d: SIGTERM after %d events: %v", round, moment, counts)
		if counts["200"] == 0 {
			t.Error("nothing was acknowledged")
		}
		told.check(t, conn)
		verify(t, "--database-url="+server.URL())
	}
}
