package writer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// BenchmarkMerge merges batches into a durable Postgres. Duplicates are drawn from
// the last 100,000 keys; with filter=perfect exactly they are suspected.
func BenchmarkMerge(b *testing.B) {
	url := pgtest.Durable(b).URL()
	if _, err := postgres.Open(context.Background(), url); err != nil {
		b.Fatal(err)
	}
	for _, rows := range []int{30, 1000, 5000} {
		for _, dups := range []int{0, 30, 90} {
			for _, c := range []struct {
				path   Path
				filter string
			}{{PathStaged, "off"}, {PathStaged, "perfect"}, {PathAuto, "perfect"}} {
				b.Run(fmt.Sprintf("rows=%d/dups=%d%%/path=%s/filter=%s", rows, dups, c.path, c.filter), func(b *testing.B) {
					benchmarkMerge(b, url, c.path, rows, dups, c.filter == "perfect")
				})
			}
		}
	}
}

func benchmarkMerge(b *testing.B, url string, path Path, rows, dups int, perfect bool) {
	pgtest.Exec(b, pgtest.Client(b, url), "TRUNCATE ingot.events, ingot.batches, ingot.topics")
	w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
	defer w.Close()
	draw := newDraw(dups)
	for range 100 { // something to repeat
		draw.merge(b, w, 1000, perfect)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		events, suspects := draw.batch(rows, perfect)
		b.StartTimer()
		draw.write(b, w, events, suspects)
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}

// draw makes batches with a share of keys that were there before.
type draw struct {
	rng    *rand.Rand
	dups   int
	recent []string
}

func newDraw(dups int) *draw { return &draw{rng: rand.New(rand.NewPCG(1, 2)), dups: dups} }

func (d *draw) batch(rows int, perfect bool) (events []event.Event, suspects []bool) {
	var fresh []string
	for range rows {
		repeat := len(d.recent) > 0 && d.rng.IntN(100) < d.dups
		id := uuid.NewString()
		if repeat {
			id = d.recent[d.rng.IntN(len(d.recent))]
		} else {
			fresh = append(fresh, id)
		}
		suspects = append(suspects, repeat)
		events = append(events, event.Event{
			ID: id, Topic: fmt.Sprint("topic-", id[:1]), Source: "payment-service", Timestamp: time.Unix(1766138400, 0),
			Payload: `{"amount":50000,"status":"SUCCESS","currency":"EUR","customer":"` + id + `","items":[{"sku":"A-1","count":2},{"sku":"B-7","count":1}],"note":"a payload of about one hundred and ninety bytes"}`,
		})
	}
	d.recent = append(d.recent, fresh...)
	if len(d.recent) > 100_000 {
		d.recent = d.recent[len(d.recent)-100_000:]
	}
	if !perfect {
		suspects = nil
	}
	return events, suspects
}

func (d *draw) write(b *testing.B, w *Writer, events []event.Event, suspects []bool) {
	b.Helper()
	if _, err := w.Merge(context.Background(), event.Batch{Groups: []event.Group{{Events: events, ReceivedAt: time.Now()}}, Suspects: suspects}, func() {}); err != nil {
		b.Fatal(err)
	}
}

func (d *draw) merge(b *testing.B, w *Writer, rows int, perfect bool) {
	b.Helper()
	events, suspects := d.batch(rows, perfect)
	d.write(b, w, events, suspects)
}
