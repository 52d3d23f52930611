package writer

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// lastXIDs is a database whose server takes left transaction ids more, and warns at each of them.
func lastXIDs(t *testing.T, left int64) (url string) {
	t.Helper()
	server := pgtest.Durable(t)
	url = server.URL()
	if _, err := postgres.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Client(t, url)
	var resetwal, data string
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT setting FROM pg_config WHERE name = 'BINDIR'), current_setting('data_directory')").Scan(&resetwal, &data); err != nil {
		t.Fatal(err)
	}
	resetwal = filepath.Join(resetwal, "pg_resetwal")
	if _, err := os.Stat(resetwal); err != nil {
		t.Skip("without pg_resetwal the ids cannot be spent")
	}
	stop := func() {
		_ = conn.Close(t.Context())
		_ = syscall.Kill(server.PID(), syscall.SIGINT)
		<-server.Done()
	}
	start := func() {
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn = pgtest.Client(t, url)
	}
	// The slot keeps vacuum from mending it.
	pgtest.Exec(t, conn, "ALTER SYSTEM SET wal_level = logical")
	stop()
	start()
	pgtest.Exec(t, conn, "SELECT pg_create_logical_replication_slot('holds', 'test_decoding')")
	const untilRefused = 1<<31 - 1 - 3_000_000 // PostgreSQL: SetTransactionIdLimit
	next := pgtest.Number(t, conn, "SELECT min(datfrozenxid::text::bigint) FROM pg_database") + untilRefused - left
	stop()
	spend(t, resetwal, data, next)
	start()
	return url
}

// spend makes next the next transaction id of a cluster.
func spend(t *testing.T, resetwal, data string, next int64) {
	t.Helper()
	const ofSegment, segmentBytes = 1 << 20, 256 << 10
	states := filepath.Join(data, "pg_xact", fmt.Sprintf("%04X", next/ofSegment))
	if err := os.WriteFile(states, make([]byte, segmentBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	reset := osexec.CommandContext(t.Context(), resetwal, "-x", strconv.FormatInt(next, 10), "-D", data)
	reset.Dir = "/"
	if info, err := os.Stat(data); err == nil && os.Geteuid() == 0 {
		owner := info.Sys().(*syscall.Stat_t)
		_ = os.Chown(states, int(owner.Uid), int(owner.Gid))
		reset.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if out, err := reset.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
}

// TestLastXIDs: a server that will soon have no transaction ids left warns at each of them, which puts
// no COMMIT in doubt, and then refuses every batch with a SQLSTATE that bad data have too.
func TestLastXIDs(t *testing.T) {
	t.Parallel()
	url := lastXIDs(t, 10)
	core, logged := observer.New(zap.WarnLevel)
	direct, staged := New(url, PathDirect, testTimeouts, uuid.New(), zap.New(core)), newWriter(t, url)
	t.Cleanup(direct.Close)
	storetest.Merge(t, staged, "staged")
	if storetest.Merge(t, direct, "direct"); logged.Len() > 0 {
		t.Errorf("%v", logged.All())
	}
	for i := range 20 {
		var notStored *event.NotStoredError
		stored, err := staged.Merge(t.Context(), event.Batch{Groups: storetest.Groups(fmt.Sprint(i))}, func() {})
		if errors.As(err, &notStored) {
			return
		}
		if err != nil || !equal(stored, true) {
			t.Fatalf("batch %d: %v %v", i, stored, err)
		}
	}
	t.Error("the server never ran out of ids")
}
