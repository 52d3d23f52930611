package localpg

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// hang bounds what must not hang; no test waits for it to pass.
const hang = 2 * time.Minute

// helperEnv makes this binary the process that is killed, or that is not root.
const helperEnv = "LOCALPG_HELPER_DATA"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		os.Exit(helper(dir))
	}
	goleak.VerifyTestMain(m)
}

// helper runs a server, tells its pid and URL, and does what it is told on stdin: "alive?" or "stop".
func helper(dir string) int {
	signal.Ignore(syscall.SIGINT)
	srv, err := Start(context.Background(), Options{DataDir: dir, NoFsync: true})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready", srv.PID(), srv.URL())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "stop" {
			break
		}
		fmt.Println("alive", srv.Err() == nil)
	}
	fmt.Println("stopped", srv.Stop(context.Background()))
	return 0
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	t.Cleanup(cancel)
	return ctx
}

// dataDir is a folder that the server's user can get to, which t.TempDir is not under root.
func dataDir(t testing.TB) string {
	t.Helper()
	top, err := os.MkdirTemp("", "localpg-test-")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(top)) })
	check(t, os.Chmod(top, 0o755))
	return top + "/data"
}

func start(t testing.TB, opts Options) *Server {
	t.Helper()
	srv, err := Start(testContext(t), opts)
	check(t, err)
	t.Cleanup(func() { check(t, srv.Stop(testContext(t))) })
	return srv
}

// query runs one statement on a connection of its own and returns its one value as text.
func query(t testing.TB, srv *Server, sql string) string {
	t.Helper()
	ctx := testContext(t)
	conn, err := pgx.Connect(ctx, srv.URL())
	check(t, err)
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	check(t, err)
	defer rows.Close()
	var value string
	for rows.Next() {
		check(t, rows.Scan(&value))
	}
	check(t, rows.Err())
	return value
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
