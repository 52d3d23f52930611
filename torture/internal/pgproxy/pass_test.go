package pgproxy

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestPassesUnchanged: 16 MB of a COPY go in and come out.
func TestPassesUnchanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn := open(t, h.URL)
	const rows = 16 << 10
	filler := strings.Repeat("x", 1000)
	exec(t, conn, "CREATE TABLE t (n int, s text)")
	r, w := io.Pipe()
	go func() { // ends when all is read, or the COPY fails
		for n := range rows {
			_, _ = fmt.Fprintf(w, "%d\t%s%d\n", n, filler, n)
		}
		_ = w.Close()
	}()
	if tag, err := conn.CopyFrom(t.Context(), r, "COPY t FROM STDIN"); err != nil || tag.RowsAffected() != rows {
		t.Fatal(tag, err)
	}
	for _, c := range []*pgconn.PgConn{conn, h.tidy} {
		n := 0
		for _, row := range exec(t, c, "SELECT n, s FROM t ORDER BY n") {
			if string(row[0]) != fmt.Sprint(n) || string(row[1]) != fmt.Sprint(filler, n) {
				t.Fatalf("row %d: %.20s", n, row)
			}
			n++
		}
		if n != rows {
			t.Errorf("%d rows", n)
		}
	}
}

// TestCancelRequest: pgx sends it over a connection of its own, and asks for
// encryption before everything else unless it is told not to.
func TestCancelRequest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn := open(t, strings.Replace(h.URL, "sslmode=disable", "sslmode=prefer", 1))
	result := make(chan error, 1)
	go func() { result <- query("SELECT pg_sleep(1000)")(context.Background(), conn) }() // ends by the cancel
	await(t, "the sleep", func() bool {
		return string(exec(t, h.tidy, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")[0][0]) == "1"
	})
	if err := conn.CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-result; codeOf(err) != "57014" {
		t.Errorf("%v", err)
	}
}

func TestTimesAndDisarm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn := open(t, h.URL)
	twice := h.Arm(Fault{At: Any, Do: Error, SQLSTATE: "40001", Times: 2})
	never := h.Arm(Fault{At: Commit, Do: DropBefore})
	for n, want := range []string{"40001", "40001", ""} {
		if err := query("SELECT 1")(t.Context(), conn); codeOf(err) != want {
			t.Errorf("%d: %v", n, err)
		}
	}
	<-twice.Done()
	h.Disarm()
	if err := query("BEGIN; COMMIT")(t.Context(), conn); err != nil || never.Fired() || twice.Count() != 2 {
		t.Errorf("%v, fired: %v, %d times", err, never.Fired(), twice.Count())
	}
}

// TestDelayIsOncePerRoundTrip: a prepared statement's four messages wait once.
func TestDelayIsOncePerRoundTrip(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn := h.opened(t, "look-up")
	h.Delay(50 * time.Millisecond)
	began := time.Now()
	for range 4 {
		if err := stepNamed("look-up").do(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("4 round trips took %v", took)
	}
}
