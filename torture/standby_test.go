package torture

import (
	"sync"
	"sync/atomic"
	"testing"

	"ingot/internal/pgtest"
)

const standbyEvents = 5 // in each request

// TestASynchronousStandbyThatIsAway: a COMMIT waits for it, so nobody is told stored
// or duplicate while it is away, whatever the table shows; whoever was tried is told
// at the deadline that nobody knows, the others that they are not stored. When it is
// back all is well by itself, and the same ids sent again are there once.
func TestASynchronousStandbyThatIsAway(t *testing.T) {
	p := startPair(t)
	i := startIngester(t, "--database-url", p.primary.URL(), "--deadline=2s", "--attempt-timeout=3s")
	conn := pgtest.Client(t, p.primary.URL())
	before := newLedger(standbyEvents)
	storeAll(t, i, before, 20)

	p.loseStandby(t)
	away := newLedger(standbyEvents)
	for round := range 3 {
		sendAll(i, away, 100+10*round, 10)
		again := newLedger(standbyEvents) // of those that were stored, and of those of which nobody knows
		sendAll(i, again, 0, 1)
		sendAll(i, again, away.first("504 outcome-unknown"), 1)
		if again.counts()["200"] > 0 {
			t.Errorf("without the standby known events were answered: %v", again.counts())
		}
	}
	waiting := pgtest.Number(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
	t.Logf("without the standby: %v; %d backends wait for it", away.counts(), waiting)
	if away.counts()["200"] > 0 || away.counts()["504 outcome-unknown"] == 0 {
		t.Error("want nobody stored and somebody unknown")
	}
	if waiting > 2 {
		t.Errorf("%d backends wait for the standby: each batch leaves one behind", waiting)
	}

	p.returnStandby(t)
	i.awaitStats(t, "an empty queue", func(s stats) bool { return s.Queue.Events == 0 })
	before.addAll(away)
	before.check(t, conn)
	settle(t, i, before)
	checkSettled(t, conn, before)
	i.stop(t)
	verify(t, "--database-url="+p.primary.URL())
}

// TestFailover: the primary dies under load and its synchronous standby takes over.
// Whatever was answered stored is there, what was refused is not, and the ingester
// finds the new primary by itself.
func TestFailover(t *testing.T) {
	const clients = 16
	random := newSeed(t)
	p := startPair(t)
	i := startIngester(t, "--database-url", p.url(t), "--deadline=3s", "--attempt-timeout=4s")
	told := newLedger(standbyEvents)
	var stop atomic.Bool
	var load sync.WaitGroup
	for client := range clients {
		load.Go(func() { // ends with stop, awaited below
			for n := client; !stop.Load(); n += clients {
				told.add(n, i.publishBytes(events(n, standbyEvents, 100)))
			}
		})
	}
	moment := 500 + random.Int64N(3000)
	i.awaitStats(t, "some events", func(s stats) bool { return s.Unique >= moment })
	p.primary.Kill()
	promoted := pgtest.Client(t, p.standby.URL())
	pgtest.Exec(t, promoted, "SELECT pg_promote()")
	there := pgtest.Number(t, promoted, "SELECT count(*) FROM ingot.events")
	await(t, "events on the new primary", func() bool { return pgtest.Number(t, promoted, "SELECT count(*) FROM ingot.events") > there+500 })
	stop.Store(true)
	load.Wait()
	t.Logf("killed after %d events, %d were on the standby: %v", moment, there, told.counts())
	if told.counts()["none"] > 0 {
		t.Errorf("no answer: %v", told.unanswered())
	}
	told.check(t, promoted)
	settle(t, i, told)
	checkSettled(t, promoted, told)
	i.stop(t)
	verify(t, "--database-url="+p.standby.URL())
}
