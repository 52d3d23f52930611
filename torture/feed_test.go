package torture

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/internal/localpg"
	"ingot/internal/pgtest"
)

// feedTrouble lets statements linger between the keys and the log, and commits fail
// in the log.
const feedTrouble = `
CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.02); END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER linger AFTER INSERT ON ingot.events FOR EACH STATEMENT EXECUTE FUNCTION public.linger();
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF random() < 0.02 THEN RAISE EXCEPTION 'injected'; END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER refuse AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION public.refuse();`

// TestFeedHasNoGap: three ingesters on one Postgres, with delays before COMMIT,
// rollbacks and restarts; two readers of pages, two streams that are cut again and
// again, two subscriptions whose consumers crash. Each sees every stored key, in the
// same order. A reader that goes by id beside them misses some: the order was in danger.
func TestFeedHasNoGap(t *testing.T) {
	f := startFeed(t, 3)
	pgtest.Exec(t, f.conn, feedTrouble)
	requests := 1500
	if long() {
		requests = 12_000
	}
	following, stop := context.WithCancel(t.Context())
	defer stop()
	byID := &byIDReader{conn: pgtest.Client(t, f.url)}
	var readers sync.WaitGroup
	for _, r := range f.readers(t) {
		readers.Go(func() { // ends when it has seen the last event, or with following
			if err := r.follow(following); err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
		})
	}
	over := make(chan struct{})
	readers.Go(func() { byID.follow(t, over) }) // ends with over

	f.publish(t, requests)
	close(over)
	order := f.order(t)
	f.total.Store(int64(len(order)))
	timer := time.AfterFunc(hang, stop)
	defer timer.Stop()
	readers.Wait()

	for _, r := range f.all {
		if !slices.Equal(r.seen, order) {
			t.Errorf("%s saw %d events, %d are stored; they part at %d", r.name, len(r.seen), len(order), parting(r.seen, order))
		}
		t.Logf("%s: %d events, %d breaks, %d events again", r.name, len(r.seen), r.breaks, r.again)
	}
	t.Logf("%d events stored; the reader that goes by id missed %d", len(order), len(order)-byID.seen)
	if byID.seen >= len(order) {
		t.Error("the reader that goes by id missed nothing: the order was never in danger")
	}
	f.stop(t)
}

func parting(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// feedHouse is some ingesters on one Postgres, and who follows them.
type feedHouse struct {
	url       string
	conn      *pgx.Conn
	ingesters []*ingester
	all       []*follower
	total     atomic.Int64 // events there will be; 0: not known yet
	random    *rand.Rand
}

func startFeed(t *testing.T, n int) *feedHouse {
	t.Helper()
	return openFeed(t, startServer(t, dataFolder(t), nil), n)
}

// openFeed has ingesters on a server that is there already.
func openFeed(t *testing.T, server *localpg.Server, n int) *feedHouse {
	t.Helper()
	f := &feedHouse{url: server.URL(), random: newSeed(t)}
	for range n {
		f.ingesters = append(f.ingesters, startIngester(t, "--database-url="+server.URL(), "--stream-heartbeat=100ms", "--stream-buffer=64"))
	}
	f.conn = pgtest.Client(t, f.url)
	return f
}

// publish sends requests of one to thirty events by all ingesters, and restarts one
// now and then.
func (f *feedHouse) publish(t *testing.T, requests int) {
	var mu sync.Mutex // guards next
	next := 0
	var again atomic.Int64
	restartEvery := requests / 6
	var senders sync.WaitGroup
	for s := range 12 {
		target := f.ingesters[s%len(f.ingesters)]
		senders.Go(func() { // ends with the requests
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= requests {
					return
				}
				for a := target.publishBytes(f.body(n)); a.status != http.StatusOK; a = target.publishBytes(f.body(n)) {
					again.Add(1)
					pause(t.Context())
				}
			}
		})
	}
	for restarts := 1; restarts < 6; restarts++ {
		await(t, "progress", func() bool { mu.Lock(); defer mu.Unlock(); return next >= restarts*restartEvery })
		i := f.ingesters[f.random.IntN(len(f.ingesters))]
		i.stop(t)
		i.start(t)
	}
	senders.Wait()
	t.Logf("%d requests had to be sent again", again.Load())
}

func (f *feedHouse) body(request int) []byte { return events(request, request*7%30+1, 20) }

// order is every stored key in the order of the commit log, as SQL tells it.
func (f *feedHouse) order(t *testing.T) []string {
	t.Helper()
	rows, _ := f.conn.Query(t.Context(), `SELECT e.event_id FROM ingot.events AS e CROSS JOIN LATERAL (
		SELECT commit_seq FROM ingot.batches AS b WHERE b.first_id <= e.id ORDER BY first_id DESC LIMIT 1
	) AS b ORDER BY b.commit_seq, e.id`)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (f *feedHouse) stop(t *testing.T) {
	for _, i := range f.ingesters {
		i.stop(t)
	}
}
