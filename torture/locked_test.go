package torture

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// whoBlocks is the query of docs/reliability.md. It names who is in the way of an ingester.
const whoBlocks = `SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity WHERE application_name LIKE 'ingot%'`

// TestALockedTable: while somebody's statement locks a table nothing is stored. The figures of docs/metrics.md tell that,
// and Postgres who it is; all is well by itself once the lock is gone.
func TestALockedTable(t *testing.T) {
	for name, lock := range map[string]string{
		"CREATE INDEX": "CREATE INDEX slow ON ingot.events (source)",
		"VACUUM FULL":  "LOCK TABLE ingot.events", // VACUUM runs in no transaction
		"the log":      "LOCK TABLE ingot.batches",
	} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.Durable(t)
			i := startIngester(t, "--database-url", server.URL(), "--deadline=2s", "--attempt-timeout=3s")
			told := newLedger(1)
			storeAll(t, i, told, 3)
			conn, beside := pgtest.Client(t, server.URL()), pgtest.Client(t, server.URL())
			pgtest.Exec(t, conn, "BEGIN; "+lock)
			stored, failed := i.alarming(t)
			sendAll(i, told, 3, 5)
			if now, failing := i.alarming(t); now != stored || failing != failed+5 {
				t.Errorf("%d batches, %d before; %d answers of 503 or 504, %d before", now, stored, failing, failed)
			}
			n := 8
			await(t, "a statement that is told to wait for the lock", func() bool {
				sent := make(chan struct{})
				go func() { sendAll(i, told, n, 1); close(sent) }() // ends with its answer
				defer func() { <-sent; n++ }()
				for {
					select {
					case <-sent:
						return false
					default:
						if blocks(t, beside, conn.PgConn().PID()) {
							return true
						}
					}
				}
			})
			pgtest.Exec(t, conn, "ROLLBACK")
			storeAll(t, i, told, n)
			told.check(t, beside)
			i.stop(t)
			verify(t, "--database-url="+server.URL())
		})
	}
}

// alarming are the figures that the alert "nothing is stored" is made of.
func (i *ingester) alarming(t *testing.T) (batches, failed int) {
	t.Helper()
	answer, err := i.http.Get(i.url("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(ingot_batch_events_count|ingot_http_answer_seconds_count\{route="/publish",status="50[34]"\}) (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		var n int
		_, _ = fmt.Sscan(m[2], &n)
		if strings.HasPrefix(m[1], "ingot_batch") {
			batches += n
		} else {
			failed += n
		}
	}
	return batches, failed
}

// blocks tells whether whoBlocks finds that backend in an ingester's way.
func blocks(t *testing.T, conn *pgx.Conn, by uint32) bool {
	t.Helper()
	rows, err := conn.Query(context.Background(), "SELECT count(*) > 0 FROM ("+whoBlocks+") AS b WHERE $1 = ANY (pg_blocking_pids)", int32(by))
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		t.Fatal(err)
	}
	return found
}
