package writer

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/reader"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// testTimeouts are hang detectors.
var testTimeouts = Timeouts{Statement: time.Minute, Lock: time.Minute}

// soonUp is the time of a Merge that is to run out of it: within half of it a batch has to
// be sent, also where other packages' tests have the processors.
const soonUp = 5 * time.Second

// soonOver is the time of a statement that is to run out of it: those before it have no more either.
const soonOver = 2 * time.Second

func newWriter(t testing.TB, url string) *Writer {
	w := New(url, PathAuto, testTimeouts, uuid.New(), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	t.Cleanup(w.Close)
	return w
}

func newReader(t testing.TB, url string) *reader.Reader {
	t.Helper()
	r, err := reader.Open(url, postgres.PoolConfig{Connections: 4, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// TestContract runs what the pipeline relies on, on every path and with guesses of
// every quality, and afterwards holds the commit log against the table.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path  Path
		guess string
	}{
		{PathAuto, "as given"},
		{PathAuto, "always yes"},
		{PathAuto, "always no"},
		{PathStaged, "as given"},
		{PathDirect, "as given"},
		{PathDirect, "a coin"},
	} {
		t.Run(string(c.path)+", "+c.guess, func(t *testing.T) {
			t.Parallel()
			storetest.Contract(t, func(t *testing.T) storetest.Opened {
				url := postgrestest.Database(t)
				conn := pgtest.Client(t, url)
				w := New(url, c.path, testTimeouts, uuid.New(), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
				t.Cleanup(w.Close)
				t.Cleanup(func() { postgrestest.CheckLog(t, url) })
				return storetest.Opened{Store: guessing{w, c.guess}, Rows: func() map[storetest.Key]event.Event { return allRows(t, conn) }}
			})
		})
	}
}

// guessing puts guesses of its own in place of the suspects it is given.
type guessing struct {
	*Writer
	guess string
}

func (g guessing) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	if g.guess != "as given" {
		b.Suspects = make([]bool, count(b.Groups))
		for i := range b.Suspects {
			b.Suspects[i] = g.guess == "always yes" || g.guess == "a coin" && rand.IntN(2) == 0
		}
	}
	return g.Writer.Merge(ctx, b, sent)
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
