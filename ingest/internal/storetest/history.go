package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"ingot/internal/event"
)

// Groups is one group of events with these ids, as a batch has it.
func Groups(ids ...string) []event.Group {
	var events []event.Event
	for _, id := range ids {
		events = append(events, Event(id))
	}
	return []event.Group{Group(events...)}
}

// Merge writes events with these ids as one batch.
func Merge(t testing.TB, s Store, ids ...string) []bool {
	t.Helper()
	stored, err := s.Merge(context.Background(), event.Batch{Groups: Groups(ids...)}, func() {})
	if err != nil {
		t.Fatalf("Merge: %v", err)
	}
	return stored
}

// History writes a history with several stores of the same database, topics and sources, and returns the keys in
// commit order. Every seventh event repeats an earlier one.
func History(t *testing.T, batches int, stores ...Store) (order []string) {
	t.Helper()
	n := 0
	for b := range batches {
		var events []event.Event
		for range b%17 + 1 {
			e := Event(fmt.Sprintf("%05d", n))
			if n%7 == 6 {
				e.ID = fmt.Sprintf("%05d", n/2)
			}
			e.Topic = "frequent"
			if n%50 == 3 {
				e.Topic = "rare"
			}
			e.Source = fmt.Sprintf("s%d", n%3)
			events = append(events, e)
			n++
		}
		received := time.Date(2026, 1, 1, 0, b, 0, 0, time.UTC)
		stored, err := stores[(b/3)%len(stores)].Merge(t.Context(), event.Batch{Groups: []event.Group{{Events: events, ReceivedAt: received}}}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range events {
			if stored[i] {
				order = append(order, e.Topic+"/"+e.ID)
			}
		}
	}
	return order
}

// Reader reads pages.
type Reader interface {
	Events(ctx context.Context, q event.Query) (event.Page, error)
}

// Walk reads pages until they end, and returns the keys in the order they came.
func Walk(t *testing.T, r Reader, q event.Query) (keys []string) {
	t.Helper()
	if q.MaxBytes == 0 {
		q.MaxBytes = 8 << 20
	}
	for range 10_000 {
		page, err := r.Events(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if len(page.Events) > q.Limit {
			t.Fatalf("%d events, the limit is %d", len(page.Events), q.Limit)
		}
		bytes := 0
		for _, e := range page.Events {
			keys = append(keys, e.Topic+"/"+e.Event.ID)
			bytes += e.Size()
		}
		if bytes > q.MaxBytes && len(page.Events) > 1 {
			t.Fatalf("%d events of %d bytes, the limit is %d", len(page.Events), bytes, q.MaxBytes)
		}
		if page.Next == "" || page.Next == q.Cursor {
			return keys
		}
		q.Cursor = page.Next
	}
	t.Fatal("the pages do not end")
	return nil
}
