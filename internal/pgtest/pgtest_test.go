package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// insideEnv runs one of the tests below, named for it, in a process of its own.
const insideEnv = "PGTEST_INSIDE"

func TestMain(m *testing.M) { Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func ask(t *testing.T, conn *pgx.Conn, sql string) (answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	if err := conn.QueryRow(ctx, sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	const names = "SELECT count(*)::text FROM pg_class WHERE relname = 'mine'"
	first, second := connect(t, New(t)), connect(t, New(t))
	if _, err := first.Exec(context.Background(), "CREATE TABLE mine ()"); err != nil {
		t.Fatal(err)
	}
	if a, b := ask(t, first, names), ask(t, second, names); a != "1" || b != "0" {
		t.Errorf("tables named mine: %s and %s, want 1 and 0", a, b)
	}
	if fsync := ask(t, first, "SHOW fsync"); fsync != "off" {
		t.Errorf("fsync is %s", fsync)
	}
}

func TestATemplateIsMigratedOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	migrate := func(ctx context.Context, url string) error {
		calls++
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE TABLE filled AS SELECT 'yes' AS word")
		return errors.Join(err, conn.Close(ctx))
	}
	name := "filled " + time.Now().String() // or -count=2 would find the first round's
	for range 3 {
		if word := ask(t, connect(t, NewFrom(t, name, migrate)), "SELECT word FROM filled"); word != "yes" {
			t.Errorf("word: %s", word)
		}
	}
	if calls != 1 {
		t.Errorf("migrated %d times", calls)
	}
}

func TestTheDatabaseGoesWithTheTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("inner", func(t *testing.T) {
		url = New(t)
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }() // a connection left open is no obstacle
	})
	if conn, err := pgx.Connect(context.Background(), url); err == nil {
		_ = conn.Close(context.Background())
		t.Error("the database is still there")
	}
}

func TestADurableServerSurvivesAKill(t *testing.T) {
	t.Parallel()
	srv := Durable(t)
	conn := connect(t, srv.URL())
	if fsync := ask(t, conn, "SHOW fsync"); fsync != "on" {
		t.Errorf("fsync is %s", fsync)
	}
	if _, err := conn.Exec(context.Background(), "CREATE TABLE kept AS SELECT 'here' AS word"); err != nil {
		t.Fatal(err)
	}
	srv.Kill()
	if err := srv.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	if word := ask(t, connect(t, srv.URL()), "SELECT word FROM kept"); word != "here" {
		t.Errorf("word: %s", word)
	}
}

// TestWaitForWaits until the number is there.
func TestWaitForWaits(t *testing.T) {
	t.Parallel()
	url := New(t)
	conn, other := Client(t, url), Client(t, url)
	Exec(t, conn, "CREATE TABLE kept AS SELECT 1 AS n")
	changed := make(chan error, 1)
	go func() { // ends by itself, awaited below
		time.Sleep(50 * time.Millisecond)
		_, err := other.Exec(context.Background(), "UPDATE kept SET n = 5")
		changed <- err
	}()
	WaitFor(t, conn, "SELECT n FROM kept", 5)
	if n := Number(t, conn, "SELECT n FROM kept"); n != 5 {
		t.Errorf("it was not waited for: %d", n)
	}
	if err := <-changed; err != nil {
		t.Error(err)
	}
}

// TestShadow has the test's own function asked.
func TestShadow(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(New(t))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	Shadow(t, pool)
	n := 0
	if _, err := pool.Exec(context.Background(), "CREATE FUNCTION public.pg_backend_pid() RETURNS int LANGUAGE sql AS 'SELECT -7'"); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(context.Background(), "SELECT pg_backend_pid()").Scan(&n); err != nil || n != -7 {
		t.Errorf("%d, %v", n, err)
	}
}

// TestInside is not a test of its own: those below run it in another process.
func TestInside(t *testing.T) {
	what := os.Getenv(insideEnv)
	if what == "" {
		t.Skip("run by other tests")
	}
	fmt.Println(New(t))
	if what == "panic" {
		panic("as asked")
	}
}

func inside(t *testing.T, what, tmp string, env ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestInside$", "-test.v")
	cmd.Env = append(append(os.Environ(), insideEnv+"="+what, "TMPDIR="+tmp), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestWithoutPostgresTestsAreSkippedUnlessRequired(t *testing.T) {
	t.Parallel()
	out, err := inside(t, "skip", os.TempDir(), "PG_BIN=/nowhere", "INGOT_REQUIRE_POSTGRES=")
	if err != nil || !strings.Contains(out, "--- SKIP: TestInside") || !strings.Contains(out, "apt-get install postgresql") {
		t.Errorf("not required: %v\n%s", err, out)
	}
	out, err = inside(t, "fail", os.TempDir(), "PG_BIN=/nowhere", "INGOT_REQUIRE_POSTGRES=1")
	if err == nil || !strings.Contains(out, "--- FAIL: TestInside") {
		t.Errorf("required: %v\n%s", err, out)
	}
}

func TestWhatAPanicLeavesIsSweptLater(t *testing.T) {
	t.Parallel()
	tmp, err := os.MkdirTemp("", "pgtest-sweep-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := inside(t, "panic", tmp); err == nil || !strings.Contains(out, "as asked") {
		t.Fatalf("no panic: %v\n%s", err, out)
	}
	left, _ := filepath.Glob(filepath.Join(tmp, prefix+"*"))
	if len(left) != 1 {
		t.Fatalf("left by a panic: %v, want one folder", left)
	}
	if out, err := inside(t, "pass", tmp); err != nil {
		t.Fatalf("a run beside it: %v\n%s", err, out)
	}
	if _, err := os.Stat(left[0]); err != nil {
		t.Errorf("what may be in use was swept: %v", err)
	}
	old := time.Now().Add(-2 * sweepAge)
	if err := os.Chtimes(left[0], old, old); err != nil {
		t.Fatal(err)
	}
	if out, err := inside(t, "pass", tmp); err != nil {
		t.Fatalf("next run: %v\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) != 0 {
		t.Errorf("still there: %v", left)
	}
}
