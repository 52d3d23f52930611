package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/internal/event"
)

// Store is what the contract tests: the part of the pipeline's Store that writes.
type Store interface {
	Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error)
}

// Opened is a fresh, empty store.
type Opened struct {
	Store Store
	Rows  func() map[Key]event.Event // everything stored, read past the store
}

// Contract runs the promises of a store. open returns a fresh one.
func Contract(t *testing.T, open func(t *testing.T) Opened) {
	t.Run("new keys are stored, known ones are not", func(t *testing.T) { storesOnce(t, open(t)) })
	t.Run("the first copy of a key in a batch is the one stored", func(t *testing.T) { firstCopyWins(t, open(t)) })
	t.Run("the same id under another topic is another event", func(t *testing.T) { topicsApart(t, open(t)) })
	t.Run("what is stored is what was sent", func(t *testing.T) { keepsBytes(t, open(t)) })
	t.Run("bad data stores nothing of the batch", func(t *testing.T) { badDataStoresNothing(t, open(t)) })
	t.Run("a context that has ended stores nothing", func(t *testing.T) { endedContext(t, open(t)) })
	t.Run("no events, no batch", func(t *testing.T) { emptyBatch(t, open(t)) })
	t.Run("no batch commits without sent", func(t *testing.T) { sentFirst(t, open(t)) })
	t.Run("what is suspected changes nothing", func(t *testing.T) { suspectsChangeNothing(t, open(t)) })
	t.Run("many batches", func(t *testing.T) { manyBatches(t, open(t)) })
}

// Event makes an event with that id.
func Event(id string) event.Event {
	return event.Event{
		ID: id, Topic: "t", Source: "s", Payload: `{"id":"` + id + `"}`,
		Timestamp: time.Date(2025, 12, 19, 10, 0, 0, 123456000, time.UTC),
	}
}

// Group makes a group of events.
func Group(events ...event.Event) event.Group {
	return event.Group{Events: events, ReceivedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func merge(t *testing.T, s Opened, groups ...event.Group) []bool {
	t.Helper()
	stored, err := s.Store.Merge(t.Context(), event.Batch{Groups: groups}, func() {})
	if err != nil {
		t.Fatalf("Merge: %v", err)
	}
	return stored
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

func storesOnce(t *testing.T, s Opened) {
	a, b, c := Event("a"), Event("b"), Event("c")
	want(t, merge(t, s, Group(a), Group(b)), []bool{true, true})
	want(t, merge(t, s, Group(b, c), Group(a)), []bool{false, true, false})
	want(t, merge(t, s, Group(a, b, c)), []bool{false, false, false})
	want(t, s.Rows(), map[Key]event.Event{{"a", "t"}: a, {"b", "t"}: b, {"c", "t"}: c})
}

func firstCopyWins(t *testing.T, s Opened) {
	var groups []event.Group
	var results []bool
	rows := map[Key]event.Event{}
	for i := range 200 {
		for copyNumber := range 3 {
			e := Event(fmt.Sprintf("%03d", (i*37)%200))
			e.Payload = strconv.Itoa(copyNumber)
			e.Source = fmt.Sprintf("copy %d", copyNumber)
			groups = append(groups, Group(e))
			results = append(results, copyNumber == 0)
			if copyNumber == 0 {
				rows[Key{e.ID, e.Topic}] = e
			}
		}
	}
	want(t, merge(t, s, groups...), results)
	want(t, s.Rows(), rows)
}

func topicsApart(t *testing.T, s Opened) {
	a, b := Event("a"), Event("a")
	b.Topic = "u"
	want(t, merge(t, s, Group(a, b, a)), []bool{true, true, false})
	want(t, len(s.Rows()), 2)
}

func keepsBytes(t *testing.T, s Opened) {
	rows := map[Key]event.Event{}
	var events []event.Event
	for i, payload := range []string{
		`1.0`, `1e2`, `-0`, `12345678901234567890`, `"\/"`, `"\u00e9"`, `"é"`, `"<&>"`, "{ \"a\" :\r\n\t[ 1 , 2 ] }",
		`{"a":1,"a":2}`, `{"b":1,"a":2}`, `null`, `"\ud83d\ude00"`, "\"\u2028\"", `1e131071`,
	} {
		e := Event(fmt.Sprintf("ä %d \U0001F600 ", i))
		e.Payload = payload
		e.Timestamp = time.Date(1970+i*16, 1, 1, 0, 0, 0, i*1000, time.UTC)
		events = append(events, e)
		rows[Key{e.ID, e.Topic}] = e
	}
	merge(t, s, Group(events...))
	want(t, s.Rows(), rows)
}

func badDataStoresNothing(t *testing.T, s Opened) {
	poisoned := Event("b")
	poisoned.Source = Poison
	_, err := s.Store.Merge(t.Context(), event.Batch{Groups: []event.Group{Group(Event("a")), Group(poisoned)}}, func() {})
	if _, ok := errors.AsType[*event.BadDataError](err); !ok {
		t.Fatalf("got %v, want a *event.BadDataError", err)
	}
	want(t, len(s.Rows()), 0)
	want(t, merge(t, s, Group(Event("a"))), []bool{true})
}

func endedContext(t *testing.T, s Opened) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Store.Merge(ctx, event.Batch{Groups: []event.Group{Group(Event("a"))}}, func() { t.Error("COMMIT was sent") })
	if _, ok := errors.AsType[*event.NotStoredError](err); !ok {
		t.Fatalf("got %v, want a *event.NotStoredError", err)
	}
	want(t, len(s.Rows()), 0)
	want(t, merge(t, s, Group(Event("a"))), []bool{true})
}

func emptyBatch(t *testing.T, s Opened) {
	want(t, len(merge(t, s)), 0)
	want(t, len(merge(t, s, Group(), Group())), 0)
}

// sentFirst: sent may be called for a COMMIT that fails, but none goes out without
// it; at that moment nothing of the batch is to be seen.
func sentFirst(t *testing.T, s Opened) {
	for i := range 3 {
		sent := 0
		_, err := s.Store.Merge(t.Context(), event.Batch{Groups: []event.Group{Group(Event(fmt.Sprint(i)))}}, func() {
			sent++
			want(t, len(s.Rows()), i)
		})
		if err != nil || sent == 0 {
			t.Fatalf("called %d times, %v", sent, err)
		}
	}
}

// suspectsChangeNothing: right, wrong and mixed guesses, copies of a key in one
// batch among them, and batches of which nothing is left to write.
func suspectsChangeNothing(t *testing.T, s Opened) {
	a, b, c, d := Event("a"), Event("b"), Event("c"), Event("d")
	for _, step := range []struct {
		events   []event.Event
		suspects []bool
		stored   []bool
	}{
		{[]event.Event{a, b}, []bool{true, true}, []bool{true, true}},
		{[]event.Event{a, b}, []bool{true, true}, []bool{false, false}},
		{[]event.Event{a, c, b, c}, []bool{true, true, false, true}, []bool{false, true, false, false}},
		{[]event.Event{d, d, a}, []bool{false, true, true}, []bool{true, false, false}},
		{[]event.Event{d}, []bool{true}, []bool{false}},
		{[]event.Event{d}, nil, []bool{false}},
	} {
		var groups []event.Group
		for _, e := range step.events {
			groups = append(groups, Group(e))
		}
		stored, err := s.Store.Merge(t.Context(), event.Batch{Groups: groups, Suspects: step.suspects}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		want(t, stored, step.stored)
	}
	want(t, s.Rows(), map[Key]event.Event{{"a", "t"}: a, {"b", "t"}: b, {"c", "t"}: c, {"d", "t"}: d})
}

// manyBatches goes past every point at which a store tidies up after itself.
func manyBatches(t *testing.T, s Opened) {
	const batches, size = 40, 300
	for i := range batches {
		var events []event.Event
		var results []bool
		for j := range size {
			n := i*size/2 + j // half of each batch is in the batch before
			events = append(events, Event(fmt.Sprintf("%06d", n)))
			results = append(results, i == 0 || j >= size/2)
		}
		want(t, merge(t, s, Group(events...)), results)
	}
	want(t, len(s.Rows()), (batches+1)*size/2)
}
