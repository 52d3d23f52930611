package localpg

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A backend that outlives its server is found on Linux only: elsewhere the server that comes next says that it is still there.

func TestKillAndRestartKeepURLAndData(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: dataDir(t), NoFsync: true, Settings: map[string]string{
		"synchronous_commit": "on", // the kernel keeps what was written; with off it may not have been
	}})
	query(t, srv, `CREATE TABLE kept AS SELECT 'here' AS word`)
	busy := occupy(t, srv)
	url, pid := srv.URL(), srv.PID()
	for range 3 {
		srv.Kill()
		if srv.Err() == nil || !strings.Contains(srv.Err().Error(), "signal: killed") {
			t.Errorf("Err after Kill: %v", srv.Err())
		}
		check(t, srv.Restart(testContext(t)))
		equal(t, "word", query(t, srv, `SELECT word FROM kept`), "here")
	}
	awaitGone(t, busy)
	equal(t, "URL", srv.URL(), url)
	equal(t, "same pid", srv.PID() == pid, false)
	pid = srv.PID()
	check(t, srv.Restart(testContext(t)))
	equal(t, "pid after Restart of a running server", srv.PID(), pid)
}

func TestStopAfterKillLeavesTheFolderFree(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	srv := start(t, opts)
	busy := occupy(t, srv)
	srv.Kill()
	check(t, srv.Stop(testContext(t)))
	equal(t, "backends left", len(backends(srv.cluster.path)), 0)
	awaitGone(t, busy)
	start(t, opts)
}

// occupy has a backend compute for ever: it never looks whether its postmaster lives.
func occupy(t *testing.T, srv *Server) <-chan error {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), srv.URL())
	check(t, err)
	began := make(chan struct{})
	ended := make(chan error, 1)
	go func() { // stops when the backend is gone; the caller waits on ended
		ended <- func() error {
			defer func() { _ = conn.Close(context.Background()) }()
			if _, err := conn.Exec(context.Background(), "SELECT 1"); err != nil {
				return err
			}
			close(began)
			_, err := conn.Exec(context.Background(), "DO $$ BEGIN LOOP END LOOP; END $$")
			return err
		}()
	}()
	<-began
	for query(t, srv, "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") != "1" {
		check(t, pause(testContext(t), time.Millisecond))
	}
	return ended
}

func awaitGone(t *testing.T, busy <-chan error) {
	t.Helper()
	select {
	case err := <-busy:
		if err == nil {
			t.Error("a backend of the killed server came to its end")
		}
	case <-testContext(t).Done():
		t.Fatal("a backend of the killed server is still at work")
	}
}
