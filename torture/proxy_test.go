package torture

import (
	"net/http"
	"testing"

	"ingot/internal/pgtest"
	"ingot/torture/internal/pgproxy"
)

// TestTheProxyKnowsTheIngester: each point of the proxy is met by a real ingester
// that goes through all it does. A text of the product that changes shows here.
func TestTheProxyKnowsTheIngester(t *testing.T) {
	server := pgtest.Durable(t)
	db, err := pgproxy.Open(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	i := startIngester(t, "--database-url", db.URL, "--bloom-capacity=100000")
	met := map[pgproxy.Point]*pgproxy.Armed{}
	for _, p := range []pgproxy.Point{
		pgproxy.Connect, pgproxy.Setup, pgproxy.LookUp, pgproxy.Log, pgproxy.Commit, pgproxy.Direct, pgproxy.Rows,
		pgproxy.Merge, pgproxy.Fence, pgproxy.Read,
	} {
		if p == pgproxy.Fence { // a COMMIT is lost first
			db.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.DropBefore})
		}
		if p == pgproxy.Connect || p == pgproxy.Setup {
			db.Cut()
		}
		if p == pgproxy.Merge { // the direct path is refused
			db.Arm(pgproxy.Fault{At: pgproxy.Direct, Do: pgproxy.Error, SQLSTATE: "23505"})
		}
		met[p] = db.Arm(pgproxy.Fault{At: p, Do: pgproxy.DelayBefore})
		for n := 0; !met[p].Fired(); n++ {
			if n == 400 {
				t.Fatalf("%s is not met", p)
			}
			first := i.publishBytes(events(len(met)*1000+n, 50, 10))
			again := i.publishBytes(events(len(met)*1000+n, 50, 10))
			if first.status != http.StatusOK || again.status != http.StatusOK {
				t.Fatalf("%s: %v, %v", p, first, again)
			}
			if p == pgproxy.Read {
				_, _ = i.stats()
			}
		}
		db.Disarm()
	}
	i.stop(t)
	verify(t, "--database-url="+server.URL())
}
