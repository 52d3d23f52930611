package torture

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
	"ingot/torture/internal/netproxy"
	"ingot/torture/internal/pgproxy"
)

// proxied is an ingester between two proxies.
type proxied struct {
	*ingester
	db  *pgproxy.Proxy
	net *netproxy.Proxy
}

// startProxied starts an ingester on the database behind url.
func startProxied(t testing.TB, url string, flags ...string) proxied {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db, err := pgproxy.Listen("unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	host, port, _ := net.SplitHostPort(db.Address())
	through := fmt.Sprintf("postgres://%s@%s:%s/%s?sslmode=disable", config.User, host, port, config.Database)
	i := startIngester(t, append([]string{"--database-url", through}, flags...)...)
	client, err := netproxy.Listen(i.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return proxied{i, db, client}
}

// TestTheProxyKnowsTheIngester: each point of the proxy is met by a real ingester
// that goes through all it does. A text of the product that changes shows here.
func TestTheProxyKnowsTheIngester(t *testing.T) {
	server := pgtest.Durable(t)
	i := startProxied(t, server.URL(), "--bloom-capacity=100000")
	met := map[pgproxy.Point]*pgproxy.Armed{}
	for _, p := range []pgproxy.Point{
		pgproxy.Connect, pgproxy.Setup, pgproxy.LookUp, pgproxy.Log, pgproxy.Commit, pgproxy.Direct, pgproxy.Rows,
		pgproxy.Merge, pgproxy.Fence, pgproxy.Read,
	} {
		if p == pgproxy.Fence { // a COMMIT is lost first
			i.db.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.DropBefore})
		}
		if p == pgproxy.Connect || p == pgproxy.Setup {
			i.db.Cut()
		}
		if p == pgproxy.Merge { // the direct path is refused
			i.db.Arm(pgproxy.Fault{At: pgproxy.Direct, Do: pgproxy.Error, SQLSTATE: "23505"})
		}
		met[p] = i.db.Arm(pgproxy.Fault{At: p, Do: pgproxy.DelayBefore})
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
		i.db.Disarm()
	}
	i.stop(t)
	verify(t, "--database-url="+server.URL())
}
