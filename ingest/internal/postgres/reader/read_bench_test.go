package reader

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// BenchmarkRead reads from the database that INGOT_READ_DATABASE names, which should
// be large and may be written to meanwhile. It reports the p99 of each kind of page,
// and how long a walk of the rarest topic takes in feed order.
func BenchmarkRead(b *testing.B) {
	url := os.Getenv("INGOT_READ_DATABASE")
	if url == "" {
		b.Skip("INGOT_READ_DATABASE names no database")
	}
	conn := pgtest.Client(b, url)
	text := func(sql string) (s string) {
		if err := conn.QueryRow(b.Context(), sql).Scan(&s); err != nil {
			b.Fatal(err)
		}
		return s
	}
	frequent := text("SELECT topic FROM ingot.topics ORDER BY events DESC LIMIT 1")
	rare := text("SELECT topic FROM ingot.topics WHERE events > 500 ORDER BY events LIMIT 1")
	key := text("SELECT event_id FROM ingot.events WHERE topic = '" + frequent + "' LIMIT 1")
	r := newReader(b, url)
	middle, err := r.log(b.Context(), "WHERE commit_seq >= (SELECT max(commit_seq) / 2 FROM ingot.batches) ORDER BY commit_seq LIMIT 1")
	if err != nil {
		b.Fatal(err)
	}
	page := func(q event.Query) func(context.Context) error {
		q.Limit, q.MaxBytes = 100, 8<<20
		return func(ctx context.Context) error {
			_, err := r.Events(ctx, q)
			return err
		}
	}
	for _, c := range []struct {
		name string
		read func(context.Context) error
	}{
		{"first page, frequent topic", page(event.Query{Feed: true, Topics: []string{frequent}})},
		{"first page, rare topic", page(event.Query{Feed: true, Topics: []string{rare}})},
		{"newest page", page(event.Query{})},
		{"newest page, frequent topic", page(event.Query{Topics: []string{frequent}})},
		{"newest page, two topics", page(event.Query{Topics: []string{frequent, rare}})},
		{"by key", func(ctx context.Context) error { _, _, err := r.Event(ctx, frequent, key); return err }},
		{"middle page", page(event.Query{Feed: true, Cursor: middle[0].end().Cursor()})},
		{"middle page, frequent topic", page(event.Query{Feed: true, Topics: []string{frequent}, Cursor: middle[0].end().Cursor()})},
		{"totals", func(ctx context.Context) error { _, err := r.Totals(ctx, -1, 1<<20); return err }},
		{"walk of a rare topic", func(ctx context.Context) error { return walkAll(ctx, r, rare) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				if err := c.read(b.Context()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func walkAll(ctx context.Context, r *Reader, topic string) error {
	q := event.Query{Feed: true, Topics: []string{topic}, Limit: 1000, MaxBytes: 8 << 20}
	for {
		page, err := r.Events(ctx, q)
		if err != nil || page.End {
			return err
		}
		q.Cursor = page.Next
	}
}
