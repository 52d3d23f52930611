package localpg

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestStopAndStartKeepData(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t)} // fsync on: these are the ingester's own settings
	equal(t, "holds data before", HoldsData(opts.DataDir), false)
	first := start(t, opts)
	equal(t, "holds data", HoldsData(opts.DataDir), true)
	equal(t, "made", first.Made(), true)
	query(t, first, `CREATE TABLE kept AS SELECT 'here' AS word`)
	check(t, first.Stop(testContext(t)))
	if _, err := os.Stat(first.cluster.socket); !os.IsNotExist(err) {
		t.Errorf("socket folder after Stop: %v", err)
	}
	second := start(t, opts)
	equal(t, "word", query(t, second, `SELECT word FROM kept`), "here")
	equal(t, "URL", second.URL(), first.URL())
	equal(t, "notice", second.Notice(), "")
	equal(t, "made again", second.Made(), false)
	for setting, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "listen_addresses": "",
		"server_encoding": "UTF8", "server_version": first.cluster.bin.Version,
		"unix_socket_permissions": "0700", "TimeZone": "UTC", "log_timezone": "UTC",
		"max_connections": "100", "cluster_name": "ingot", "log_startup_progress_interval": "10s", "checkpoint_timeout": "15min",
		"wal_compression": query(t, second, "SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'lz4' ELSE 'off' END FROM pg_settings WHERE name = 'wal_compression'"),
	} {
		if got := query(t, second, "SHOW "+setting); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	buffers := memorySettings(machineMemory())["shared_buffers"]
	equal(t, "shared_buffers are "+buffers, query(t, second, "SELECT (pg_size_bytes(current_setting('shared_buffers')) = pg_size_bytes('"+buffers+"'))::text"), "true")
	// From 16 on there is no setting lc_collate to show.
	equal(t, "collation", query(t, second, "SELECT datcollate FROM pg_database WHERE datname = current_database()"), "C")
}

// TestTheLogHasNothingOfUsers: the DETAIL of an error has the key that it is about.
func TestTheLogHasNothingOfUsers(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	srv := start(t, opts)
	query(t, srv, `CREATE TABLE kept (word text PRIMARY KEY); INSERT INTO kept VALUES ('secret')`)
	conn, err := pgx.Connect(testContext(t), srv.URL())
	check(t, err)
	if _, err := conn.Exec(testContext(t), `INSERT INTO kept VALUES ('secret')`); err == nil {
		t.Error("a key was taken twice")
	}
	check(t, conn.Close(testContext(t)))
	check(t, srv.Stop(testContext(t)))
	log, err := os.ReadFile(filepath.Join(opts.DataDir, "postgres.log"))
	check(t, err)
	if !strings.Contains(string(log), "duplicate key") || strings.Contains(string(log), "secret") {
		t.Errorf("the log says\n%s", log)
	}
}

// TestTheLogHasNoParameters of statements, which are what users sent, though somebody logs those, or their plans.
func TestTheLogHasNoParameters(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	srv := start(t, opts)
	conn, err := pgx.Connect(testContext(t), srv.URL())
	check(t, err)
	if _, err := conn.Exec(testContext(t), "LOAD 'auto_explain'"); err != nil {
		t.Logf("plans are not logged here: %v", err) // some systems have it in another package
	}
	_, err = conn.Exec(testContext(t), "SET log_statement = 'all'; SET log_error_verbosity = 'default'; SET auto_explain.log_min_duration = 0")
	check(t, err)
	_, err = conn.Exec(testContext(t), "SELECT length($1::text)", "secret")
	check(t, err)
	check(t, conn.Close(testContext(t)))
	check(t, srv.Stop(testContext(t)))
	log, err := os.ReadFile(filepath.Join(opts.DataDir, "postgres.log"))
	check(t, err)
	if !strings.Contains(string(log), "SELECT length($1::text)") || strings.Contains(string(log), "secret") {
		t.Errorf("the log says\n%s", log)
	}
}

func TestASecondStartOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	start(t, opts)
	_, err := Start(testContext(t), opts)
	want := fmt.Sprintf("data folder %s is in use by another ingest (pid %d)", opts.DataDir, os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestALinkToNowhereIsTold: the folder of a disk that is not mounted is not made anew beneath it.
func TestALinkToNowhereIsTold(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "data")
	check(t, os.Symlink("/nowhere/data", link))
	if _, err := Start(testContext(t), Options{DataDir: link}); err == nil || !strings.Contains(err.Error(), "is a link to /nowhere/data, which is not there") {
		t.Errorf("got %v", err)
	}
}

func TestAFailedStartTellsWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true, Settings: map[string]string{"work_mem": "plenty"}}
	_, err := Start(testContext(t), opts)
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "work_mem": "plenty"`) {
		t.Errorf("got %v, want the server's own words", err)
	}
	opts.Settings = map[string]string{"work_mem": "5MB"}
	srv := start(t, opts) // the folder is free again
	equal(t, "work_mem", query(t, srv, "SHOW work_mem"), "5MB")
	equal(t, "fsync", query(t, srv, "SHOW fsync"), "off")
	equal(t, "jit", query(t, srv, "SHOW jit"), "off")
}

func TestACancelledInitdbCleansUp(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	ctx, cancel := context.WithCancel(testContext(t))
	var wg sync.WaitGroup
	wg.Go(func() { // stops when initdb is at work
		awaitInitdb(t, dir)
		cancel()
	})
	srv, err := Start(ctx, Options{DataDir: dir, NoFsync: true})
	wg.Wait()
	if err == nil {
		_ = srv.Stop(testContext(t))
		t.Fatal("a start cancelled within initdb succeeded")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "PG_VERSION")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// awaitInitdb returns when initdb has begun to write below dir.
func awaitInitdb(t *testing.T, dir string) {
	t.Helper()
	ctx := testContext(t)
	for {
		if found, _ := filepath.Glob(filepath.Join(dir, "*", "PG_VERSION")); len(found) > 0 {
			return
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			t.Error("initdb does not begin")
			return
		}
	}
}

func TestALongDataPathWorks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), strings.Repeat("long/", 40), "data")
	srv := start(t, Options{DataDir: dir, NoFsync: true})
	equal(t, "data folder", srv.DataDir(), dir)
	equal(t, "one", query(t, srv, "SELECT '1'"), "1")
}

func TestStopIsIdempotentUnderStress(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: dataDir(t), NoFsync: true})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := srv.Stop(testContext(t)); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
	wg.Wait()
	<-srv.Done()
	equal(t, "Err after Stop", srv.Err(), nil)
	equal(t, "Restart after Stop", srv.Restart(testContext(t)), errStopped)
}
