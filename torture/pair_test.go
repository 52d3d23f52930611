package torture

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"ingot/internal/localpg"
	"ingot/internal/pgtest"
)

// pair is a primary that commits nothing without its one standby.
type pair struct {
	primary, standby *localpg.Server
}

// startPair makes the standby from a cold copy of the primary's data: not every
// machine has pg_basebackup.
func startPair(t testing.TB) pair {
	t.Helper()
	data, copied := dataFolder(t), dataFolder(t)
	empty := startServer(t, data, nil)
	socket := empty.URL()
	if err := empty.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	copyCluster(t, copied, data)
	var p pair
	p.standby = startServer(t, copied, map[string]string{
		"primary_conninfo":            socket + "&application_name=standby",
		"wal_retrieve_retry_interval": "100ms",
	})
	p.primary = startServer(t, data, map[string]string{
		"synchronous_standby_names": "standby",
		"wal_keep_size":             "1GB", // for a standby that comes back
	})
	p.awaitSync(t)
	return p
}

// copyCluster copies the one cluster of a data folder, and marks the copy a standby.
func copyCluster(t testing.TB, to, from string) {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(from, "[0-9]*"))
	if len(found) != 1 {
		t.Fatalf("clusters: %v", found)
	}
	to = filepath.Join(to, filepath.Base(found[0]))
	if err := os.CopyFS(to, os.DirFS(found[0])); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o700); err != nil { // Postgres insists
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "standby.signal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p pair) awaitSync(t testing.TB) {
	t.Helper()
	conn := pgtest.Client(t, p.primary.URL())
	await(t, "a standby in step", func() bool {
		return pgtest.Number(t, conn, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1
	})
}

// loseStandby returns when the primary has noticed.
func (p pair) loseStandby(t testing.TB) {
	t.Helper()
	conn := pgtest.Client(t, p.primary.URL())
	p.standby.Kill()
	await(t, "the primary to miss its standby", func() bool { return pgtest.Number(t, conn, "SELECT count(*) FROM pg_stat_replication") == 0 })
}

func (p pair) returnStandby(t testing.TB) {
	t.Helper()
	if err := p.standby.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.awaitSync(t)
}

// url leads to whichever of the two is the primary.
func (p pair) url(t testing.TB) string {
	t.Helper()
	var sockets [2]string
	for i, server := range []*localpg.Server{p.primary, p.standby} {
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		sockets[i] = u.Query().Get("host")
	}
	return fmt.Sprintf("host=%s,%s port=5432,5432 user=ingot dbname=ingot target_session_attrs=read-write", sockets[0], sockets[1])
}
