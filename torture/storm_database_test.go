package torture

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"ingot/internal/localpg"
	"ingot/torture/internal/oracle"
	"ingot/torture/internal/traffic"
)

// stormDatabase is a Postgres whose life the storm controls.
type stormDatabase struct {
	*localpg.Server
	disk *disk // its folder; nil: nothing could be mounted
}

// stormSettings: without wal_writer_delay a commit that does not wait for its flush
// would be flushed by somebody else before most kills.
var stormSettings = map[string]string{
	"max_wal_size": "128MB", "min_wal_size": "64MB", "shared_buffers": "128MB",
	"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB",
}

// stormDiskSize leaves room for a seed and its log.
const stormDiskSize = 1 << 30

// openStormDatabase starts it in a folder of its own, on a small file system in
// memory where this process may mount one.
func openStormDatabase(t *testing.T) *stormDatabase {
	t.Helper()
	data := dataFolder(t)
	disk, err := mountDisk(filepath.Dir(data), stormDiskSize)
	if err != nil {
		t.Logf("the disk will not be filled, nothing can be mounted: %v", err)
	}
	d := &stormDatabase{disk: disk}
	t.Cleanup(func() { d.close(t, data) })
	server, err := localpg.Start(context.Background(), localpg.Options{DataDir: data, Settings: stormSettings})
	if err != nil {
		t.Fatal(err)
	}
	d.Server = server
	return d
}

// close stops the server and takes the file system away.
func (d *stormDatabase) close(t *testing.T, data string) {
	if d.Server != nil {
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if d.disk == nil {
		return
	}
	if err := d.disk.discard(data); err != nil {
		t.Error(err)
	}
}

// crash kills every process of the server in the same moment. A backend that outlives
// its postmaster would clean up, and flush the log as it does.
func (d *stormDatabase) crash(t testing.TB) {
	t.Helper()
	pids := []int{d.PID()} // first: it would start others
	for _, text := range postgresOf(t, d.DataDir()) {
		if pid, err := strconv.Atoi(text); err == nil {
			pids = append(pids, pid)
		}
	}
	for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
		for _, pid := range pids {
			_ = unix.Kill(pid, signal)
		}
	}
	d.Kill() // awaits the end
}

// ask runs queries on a connection of the storm's own, past the proxies. What is
// asked is tried again while the server starts.
func (d *stormDatabase) ask(use func(ctx context.Context, conn *pgx.Conn) error) (err error) {
	for end := time.Now().Add(recoverWithin); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = d.askOnce(use); err == nil {
			return nil
		}
	}
	return err
}

func (d *stormDatabase) askOnce(use func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), recoverWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.URL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return use(ctx, conn)
}

// do runs a statement.
func (d *stormDatabase) do(sql string) error {
	return d.ask(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// number runs a query for one number.
func (d *stormDatabase) number(sql string) (n int64, err error) {
	err = d.ask(func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&n) })
	return n, err
}

// rows is the table.
func (d *stormDatabase) rows() (rows []oracle.Row, err error) {
	err = d.ask(func(ctx context.Context, conn *pgx.Conn) error {
		rows = nil
		found, _ := conn.Query(ctx, `SELECT event_id, topic, source, "timestamp", payload::text FROM ingot.events`)
		var id, topic, source, payload string
		var at time.Time
		_, err := pgx.ForEachRow(found, []any{&id, &topic, &source, &at, &payload}, func() error {
			rows = append(rows, oracle.Row{Key: oracle.Key{ID: id, Topic: topic}, Print: traffic.Print(source, at, []byte(payload))})
			return nil
		})
		return err
	})
	return rows, err
}
