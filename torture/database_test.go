package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/localpg"
	"ingot/internal/pgtest"
)

// dataFolder is one that Postgres' user can get to, which t.TempDir is not under
// root. What is in it goes with the test.
func dataFolder(t testing.TB) string {
	t.Helper()
	if _, err := localpg.Find(); errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("INGOT_REQUIRE_POSTGRES") != "1" {
		t.Skip(err)
	}
	top, err := os.MkdirTemp("", "ingot-torture-")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(top, "data")
	t.Cleanup(func() {
		if _, err := os.Stat(data); err == nil { // else nobody has started on it
			if err := localpg.Discard(context.Background(), data); err != nil {
				t.Errorf("discard: %v", err)
			}
		}
		if err := os.RemoveAll(top); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	return data
}

// needProc skips a test that looks at other processes, which nothing but Linux shows below /proc: elsewhere it would see none,
// and take them for gone.
func needProc(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
}

// postgresOf lists the Postgres processes at work in a data folder.
func postgresOf(t testing.TB, data string) (pids []string) {
	t.Helper()
	needProc(t)
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range found {
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if strings.TrimSpace(string(comm)) == "postgres" && strings.HasPrefix(cwd, data+"/") {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

// postmaster is the pid of the server in a data folder, 0 when there is none.
func postmaster(data string) (pid int) {
	found, _ := filepath.Glob(filepath.Join(data, "*", "postmaster.pid"))
	if len(found) != 1 {
		return 0
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		return 0
	}
	_, _ = fmt.Sscan(string(b), &pid)
	return pid
}

// startServer starts one on a data folder; it is stopped with the test.
func startServer(t testing.TB, data string, settings map[string]string) *localpg.Server {
	t.Helper()
	server, err := localpg.Start(context.Background(), localpg.Options{DataDir: data, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// openFolder starts a server on the data that an ingester left.
func openFolder(t testing.TB, data string) *pgx.Conn {
	t.Helper()
	return pgtest.Client(t, startServer(t, data, nil).URL())
}

// privateURL leads to the Postgres that a running ingester keeps for itself. The
// ingester logs where it is.
func (i *ingester) privateURL(t testing.TB) string {
	t.Helper()
	where := ""
	await(t, "the database's place in the log", func() (whole bool) {
		_, rest, _ := strings.Cut(i.said(i.stderr), `"database":"`)
		where, _, whole = strings.Cut(rest, `"`)
		return whole
	})
	var host, database, user string
	fields := strings.NewReplacer(",", "").Replace(where)
	if _, err := fmt.Sscanf(fields, "%s database %s user %s", &host, &database, &user); err != nil {
		t.Fatalf("the log names no database (%q): %v", where, err)
	}
	return fmt.Sprintf("host=%s dbname=%s user=%s port=5432", host, database, user)
}

// block keeps batches from being written until the returned function is called;
// reading goes on.
func block(t testing.TB, conn *pgx.Conn) (unblock func()) {
	t.Helper()
	pgtest.Exec(t, conn, "BEGIN; LOCK TABLE ingot.events IN EXCLUSIVE MODE")
	return func() { t.Helper(); pgtest.Exec(t, conn, "ROLLBACK") }
}

// verify runs the binary's own check of the tables.
func verify(t testing.TB, flag string) {
	t.Helper()
	p := launch(t, binary(t, "ingest"), "verify", flag)
	if code := p.wait(); code != 0 {
		t.Errorf("ingest verify: exit code %d\n%s%s", code, p.said(p.stdout), p.said(p.stderr))
		return
	}
	t.Logf("ingest verify: %s", strings.TrimSpace(p.said(p.stdout)))
}
