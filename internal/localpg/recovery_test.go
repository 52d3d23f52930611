package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestARecoveryToAMomentIsWaitedFor, though its server could answer readers on the way.
func TestARecoveryToAMomentIsWaitedFor(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	restore(t, opts)
	opts.Settings = map[string]string{"restore_command": "sleep 0.5; false"} // asked for several files
	srv := start(t, opts)
	equal(t, "in recovery", query(t, srv, "SELECT pg_is_in_recovery()::text"), "false")
	equal(t, "timeline", query(t, srv, "SELECT timeline_id::text FROM pg_control_checkpoint()"), "2")
}

// TestARecoveryThatStopsAtItsMomentSaysHowToGoOn: Postgres' own default is to wait there for somebody to look.
func TestARecoveryThatStopsAtItsMomentSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	restore(t, opts)
	opts.Settings = map[string]string{"restore_command": "false", "recovery_target_name": "here"}
	srv, err := Start(testContext(t), opts)
	if err == nil {
		check(t, srv.Stop(testContext(t)))
	}
	if err == nil || !strings.Contains(err.Error(), "set recovery_target_action = 'promote' to have it continue from there") {
		t.Errorf("got %v", err)
	}
	opts.Settings["recovery_target_action"] = "promote"
	srv = start(t, opts)
	equal(t, "in recovery", query(t, srv, "SELECT pg_is_in_recovery()::text"), "false")
}

// TestWhatRecoversToAMoment: with both files it is a standby, which answers readers for as long as it is one.
func TestWhatRecoversToAMoment(t *testing.T) {
	t.Parallel()
	c := cluster{path: t.TempDir()}
	equal(t, "plain data", c.recoversFromArchive(), false)
	check(t, os.WriteFile(filepath.Join(c.path, "recovery.signal"), nil, 0o600))
	equal(t, "data of a backup", c.recoversFromArchive(), true)
	check(t, os.WriteFile(filepath.Join(c.path, "standby.signal"), nil, 0o600))
	equal(t, "data of a standby", c.recoversFromArchive(), false)
}

// restore makes data as they are when a base backup was put in their place.
func restore(t *testing.T, opts Options) {
	t.Helper()
	opts.Settings = map[string]string{"wal_keep_size": "128MB"} // which takes the place of an archive
	srv := start(t, opts)
	conn, err := pgx.Connect(testContext(t), srv.URL())
	check(t, err)
	var label string
	check(t, conn.QueryRow(testContext(t), "SELECT pg_backup_start('base', true)::text").Scan(new(string)))
	check(t, conn.QueryRow(testContext(t), "SELECT labelfile FROM pg_backup_stop(false)").Scan(&label))
	check(t, conn.QueryRow(testContext(t), "SELECT pg_create_restore_point('here')::text").Scan(new(string)))
	check(t, conn.Close(testContext(t)))
	check(t, srv.Stop(testContext(t)))
	for name, text := range map[string]string{"backup_label": label, "recovery.signal": ""} {
		path := filepath.Join(srv.cluster.path, name)
		check(t, os.WriteFile(path, []byte(text), 0o600))
		check(t, srv.cluster.home.owner.give(path))
	}
}
