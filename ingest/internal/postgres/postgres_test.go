package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// testTimeouts are hang detectors.
var testTimeouts = Timeouts{Statement: time.Minute, Lock: time.Minute, Idle: time.Minute}

// database returns the URL of a fresh database with the newest schema.
func database(t testing.TB) string {
	return pgtest.NewFrom(t, "schema", func(ctx context.Context, url string) error {
		_, err := Open(ctx, url)
		return err
	})
}

func newWriter(t testing.TB, url string) *Writer {
	w := NewWriter(url, testTimeouts, uuid.New(), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	t.Cleanup(w.Close)
	return w
}

func newReader(t testing.TB, url string) *Reader {
	t.Helper()
	r, err := OpenReader(url, ReaderConfig{Connections: 4, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// client is a connection to look behind the package with.
func client(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// number runs a query for one number.
func number(t testing.TB, conn *pgx.Conn, sql string, args ...any) (n int64) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// TestContract runs what the pipeline relies on, and afterwards holds the commit
// log against the table.
func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Contract(t, func(t *testing.T) storetest.Opened {
		url := database(t)
		conn := client(t, url)
		t.Cleanup(func() { checkLog(t, url) })
		return storetest.Opened{Store: newWriter(t, url), Rows: func() map[storetest.Key]event.Event { return allRows(t, conn) }}
	})
}

func allRows(t *testing.T, conn *pgx.Conn) map[storetest.Key]event.Event {
	t.Helper()
	rows, err := conn.Query(context.Background(), `SELECT event_id, topic, source, "timestamp", payload::text FROM ingot.events`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[storetest.Key]event.Event{}
	var e event.Event
	_, err = pgx.ForEachRow(rows, []any{&e.ID, &e.Topic, &e.Source, &e.Timestamp, &e.Payload}, func() error {
		e.Timestamp = e.Timestamp.UTC()
		all[storetest.Key{ID: e.ID, Topic: e.Topic}] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkLog holds the commit log to its invariants: no gap in commit_seq, running
// totals, one batch per range of ids, and totals and topics that equal the table.
func checkLog(t *testing.T, url string) {
	t.Helper()
	conn := client(t, url)
	for name, sql := range map[string]string{
		"commit_seq has gaps": `SELECT count(*) FROM (SELECT commit_seq, row_number() OVER (ORDER BY commit_seq) AS n FROM ingot.batches) AS b WHERE commit_seq <> n`,
		"totals do not add up": `SELECT count(*) FROM (SELECT total_received, total_stored, sum(received) OVER w AS r, sum(stored) OVER w AS s
			FROM ingot.batches WINDOW w AS (ORDER BY commit_seq)) AS b WHERE total_received <> r OR total_stored <> s`,
		"ranges of ids overlap":             `SELECT count(*) FROM ingot.batches a JOIN ingot.batches b ON a.first_id < b.first_id AND a.last_id >= b.first_id`,
		"received is not the range of ids":  `SELECT count(*) FROM ingot.batches WHERE received <> last_id - first_id + 1`,
		"stored is not the rows of a batch": `SELECT count(*) FROM ingot.batches b WHERE stored <> (SELECT count(*) FROM ingot.events e WHERE e.id BETWEEN b.first_id AND b.last_id)`,
		"rows outside of any batch":         `SELECT count(*) FROM ingot.events e WHERE NOT EXISTS (SELECT FROM ingot.batches b WHERE e.id BETWEEN b.first_id AND b.last_id)`,
		"total_stored is not the table":     `SELECT coalesce((SELECT max(total_stored) FROM ingot.batches), 0) - (SELECT count(*) FROM ingot.events)`,
		"topics are not the table": `SELECT count(*) FROM ingot.topics FULL JOIN (SELECT topic, count(*) AS n FROM ingot.events GROUP BY topic) AS e USING (topic)
			WHERE events IS DISTINCT FROM n`,
	} {
		if n := number(t, conn, sql); n != 0 {
			t.Errorf("%s: %d", name, n)
		}
	}
}
