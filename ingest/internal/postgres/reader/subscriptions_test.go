package reader

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

func newSubscriptions(t *testing.T, url string, most int) *Subscriptions {
	t.Helper()
	s, err := OpenSubscriptions(url, postgres.PoolConfig{Connections: 4, Timeout: time.Minute}, most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *Subscriptions) all(ctx context.Context) (subs []event.Subscription, err error) {
	err = s.Each(ctx, func(sub *event.Subscription) error {
		subs = append(subs, *sub)
		return nil
	})
	return subs, err
}

// TestEachEnds with the first error, and its connection can be used again.
func TestEachEnds(t *testing.T) {
	t.Parallel()
	s := newSubscriptions(t, postgrestest.Database(t), 10)
	for _, name := range []string{"c", "a", "b"} {
		if _, err := s.Create(t.Context(), event.Subscription{Name: name, After: "beginning"}); err != nil {
			t.Fatal(err)
		}
	}
	enough := errors.New("enough")
	for range 10 { // there are 4 connections
		var seen []string
		err := s.Each(t.Context(), func(sub *event.Subscription) error {
			if seen = append(seen, sub.Name); len(seen) == 2 {
				return enough
			}
			return nil
		})
		if diff := cmp.Diff([]string{"a", "b"}, seen); !errors.Is(err, enough) || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	}
}

// TestCommitsAtOnce: two commits of one name meet, and neither fails, whatever isolation the database
// has for transactions that do not say.
func TestCommitsAtOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET default_transaction_isolation = 'repeatable read'")
	s := newSubscriptions(t, url, 1)
	if _, err := s.Create(t.Context(), event.Subscription{Name: "a", After: "beginning"}); err != nil {
		t.Fatal(err)
	}
	other, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, conn, "UPDATE ingot.subscriptions SET commit_seq = 1")
	committed := make(chan error, 1)
	go func() { committed <- s.Commit(t.Context(), "a", nil, event.Position{Commit: 2}) }() // awaited below
	pgtest.WaitFor(t, pgtest.Client(t, url), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", 1)
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-committed; err != nil {
		t.Error(err)
	}
}

// TestACreatorThatStandsStill with the lock under which subscriptions are made, as one that was stopped in the
// middle does, loses it.
func TestACreatorThatStandsStill(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	s, err := OpenSubscriptions(url, postgres.PoolConfig{Connections: 1, Timeout: 100 * time.Millisecond}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	postgrestest.StandStill(t, s.pool, postgres.CreationLock)
	if created, err := newSubscriptions(t, url, 1).Create(t.Context(), event.Subscription{Name: "a", After: "beginning"}); err != nil || !created {
		t.Error(created, err)
	}
}

// TestSubscriptionMovesForward: whatever comes in whatever order, also at once.
func TestSubscriptionMovesForward(t *testing.T) {
	t.Parallel()
	s := newSubscriptions(t, postgrestest.Database(t), 10)
	sub := event.Subscription{Name: "a", After: "beginning", Topics: []string{"x", "y"}, Source: "s", At: event.Position{Commit: 1, ID: 5, Identity: 1<<32 - 1}}
	for i, want := range []bool{true, false} {
		if created, err := s.Create(t.Context(), sub); err != nil || created != want {
			t.Errorf("create %d: %v %v", i, created, err)
		}
	}
	got, there, err := s.Get(t.Context(), "a")
	if diff := cmp.Diff(sub, got); err != nil || !there || diff != "" || !got.Same(&sub) {
		t.Errorf("%v %v %s", there, err, diff)
	}
	for _, c := range []struct{ at, want event.Position }{
		{event.Position{Commit: 1, ID: 4}, sub.At},
		{event.Position{Commit: 1, ID: 6, Identity: 2}, event.Position{Commit: 1, ID: 6, Identity: 2}},
		{event.Position{Commit: 1, ID: 6, Identity: 9}, event.Position{Commit: 1, ID: 6, Identity: 2}},
		{event.Position{Commit: 3, ID: 1, Identity: 3}, event.Position{Commit: 3, ID: 1, Identity: 3}},
		{event.Position{Commit: 2, ID: 100}, event.Position{Commit: 3, ID: 1, Identity: 3}},
		{event.Position{}, event.Position{Commit: 3, ID: 1, Identity: 3}},
	} {
		if err := s.Commit(t.Context(), "a", nil, c.at); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := s.Get(t.Context(), "a"); got.At != c.want || time.Since(got.Committed) > time.Hour && c.want != sub.At {
			t.Errorf("after %v: %+v, want %v", c.at, got, c.want)
		}
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { // ends by itself, awaited below
			for j := range 10 {
				if err := s.Commit(t.Context(), "a", nil, event.Position{Commit: 10, ID: int64(i + 20*j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, _, _ := s.Get(t.Context(), "a"); got.At.ID != 199 {
		t.Errorf("after many at once: %v", got.At)
	}
	for _, want := range []bool{true, false} {
		if was, err := s.Delete(t.Context(), "a", nil); err != nil || was != want {
			t.Errorf("delete: %v %v", was, err)
		}
	}
	if _, there, err := s.Get(t.Context(), "a"); there || err != nil {
		t.Errorf("deleted, and there: %v", err)
	}
}

// TestSubscriptionsOfTopics: who may read some topics moves and deletes a subscription only as long as it brings those that he
// was told; in between it may have been made anew.
func TestSubscriptionsOfTopics(t *testing.T) {
	t.Parallel()
	s := newSubscriptions(t, postgrestest.Database(t), 10)
	brings := []string{"a", "b"}
	if _, err := s.Create(t.Context(), event.Subscription{Name: "a", After: "beginning", Topics: brings}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		topics []string
		moves  bool
	}{{[]string{"a"}, false}, {[]string{"b", "a"}, false}, {[]string{}, false}, {brings, true}, {nil, true}} {
		before, _, _ := s.Get(t.Context(), "a")
		if err := s.Commit(t.Context(), "a", c.topics, event.Position{Commit: before.At.Commit + 1}); err != nil {
			t.Fatal(err)
		}
		if after, _, err := s.Get(t.Context(), "a"); err != nil || (after.At != before.At) != c.moves {
			t.Errorf("commit of %q: from %v to %v, %v", c.topics, before.At, after.At, err)
		}
	}
	for _, topics := range [][]string{{"a"}, {}, brings} {
		if was, err := s.Delete(t.Context(), "a", topics); err != nil || was != (len(topics) == len(brings)) {
			t.Errorf("delete of %q: %v %v", topics, was, err)
		}
	}
}

// TestSubscriptionsStandApart: what is done to one leaves the others as they are.
func TestSubscriptionsStandApart(t *testing.T) {
	t.Parallel()
	s := newSubscriptions(t, postgrestest.Database(t), 10)
	names := []string{"a", "b", "c"}
	for _, name := range names {
		if _, err := s.Create(t.Context(), event.Subscription{Name: name, After: "beginning", At: event.Position{Commit: 1, ID: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context(), "b", nil, event.Position{Commit: 2, ID: 5}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		want := event.Position{Commit: 1, ID: 1}
		if name == "b" {
			want = event.Position{Commit: 2, ID: 5}
		}
		if sub, there, err := s.Get(t.Context(), name); err != nil || !there || sub.Name != name || sub.At != want {
			t.Errorf("%s: %+v %v %v, want it at %v", name, sub, there, err, want)
		}
	}
	if was, err := s.Delete(t.Context(), "b", nil); err != nil || !was {
		t.Errorf("delete: %v %v", was, err)
	}
	var left []string
	if err := s.Each(t.Context(), func(sub *event.Subscription) error { left = append(left, sub.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c"}, left); diff != "" {
		t.Errorf("left are: %s", diff)
	}
}

// TestAFailedReadIsNoSubscription: where the table cannot be read every answer is an error, also of a connection that has
// read it before, and nobody is told that there is no such subscription.
func TestAFailedReadIsNoSubscription(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	s, err := OpenSubscriptions(url, postgres.PoolConfig{Connections: 1, Timeout: time.Minute}, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	all := map[string]func() error{
		"create": func() error {
			_, err := s.Create(t.Context(), event.Subscription{Name: "a", After: "beginning"})
			return err
		},
		"get":    func() error { _, _, err := s.Get(t.Context(), "a"); return err },
		"each":   func() error { return s.Each(t.Context(), func(*event.Subscription) error { return nil }) },
		"commit": func() error { return s.Commit(t.Context(), "a", nil, event.Position{Commit: 1, ID: 1}) },
		"delete": func() error { _, err := s.Delete(t.Context(), "b", nil); return err },
	}
	for _, there := range []bool{true, false, true} {
		for name, do := range all {
			if err := do(); (err == nil) != there {
				t.Errorf("the table is there: %v; %s: %v", there, name, err)
			}
		}
		if there {
			pgtest.Exec(t, conn, "ALTER TABLE ingot.subscriptions RENAME TO elsewhere")
		} else {
			pgtest.Exec(t, conn, "ALTER TABLE ingot.elsewhere RENAME TO subscriptions")
		}
	}
}

// TestSubscriptionsAreCounted: no more than there may be, also when two are made at once;
// one that is there is no new one, and one that was deleted makes room.
func TestSubscriptionsAreCounted(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	s, conn := newSubscriptions(t, url, 2), pgtest.Client(t, url)
	create := func(name string) (bool, error) {
		return s.Create(t.Context(), event.Subscription{Name: name, After: "now"})
	}
	if made, err := create("a"); !made || err != nil {
		t.Fatal(made, err)
	}
	pgtest.Exec(t, conn, fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", postgres.CreationLock))
	pgtest.Exec(t, conn, "INSERT INTO ingot.subscriptions VALUES ('b', 'now', '{}', '', 0, 0, 0)")
	third := make(chan error, 1)
	go func() { _, err := create("c"); third <- err }() // ends with its answer, received below
	waits := int64(0)
	for waits == 0 {
		select {
		case err := <-third:
			t.Fatalf("a third did not wait for the second: %v", err)
		case <-time.After(time.Millisecond):
			waits = pgtest.Number(t, conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		}
	}
	pgtest.Exec(t, conn, "COMMIT")
	if err := <-third; !errors.Is(err, event.ErrSubscriptionsFull) {
		t.Errorf("a third: %v", err)
	}
	if made, err := create("a"); made || err != nil {
		t.Errorf("one that is there: %v %v", made, err)
	}
	if _, err := s.Delete(t.Context(), "b", nil); err != nil {
		t.Error(err)
	}
	if made, err := create("c"); !made || err != nil {
		t.Errorf("after one was deleted: %v %v", made, err)
	}
}

// TestSubscriptionLag: events behind it and since when they wait.
func TestSubscriptionLag(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, s, conn := newWriter(t, url), newSubscriptions(t, url, 10), pgtest.Client(t, url)
	create := func(name string, at event.Position) {
		if _, err := s.Create(t.Context(), event.Subscription{Name: name, After: "now", At: at}); err != nil {
			t.Fatal(err)
		}
	}
	create("of nothing", event.Position{})
	if subs, err := s.all(t.Context()); err != nil || len(subs) != 1 || subs[0].LagEvents != 0 || subs[0].Lag != 0 {
		t.Errorf("of nothing: %+v %v", subs, err)
	}
	storetest.Merge(t, w, "1", "2", "3")
	storetest.Merge(t, w, "4", "5")
	storetest.Merge(t, w, "5", "4", "6")
	storetest.Merge(t, w, "5")
	pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = now() - interval '1 hour' * (5 - commit_seq)")
	log, err := newReader(t, url).log(t.Context(), "ORDER BY commit_seq")
	if err != nil {
		t.Fatal(err)
	}
	create("a end", log[3].end())
	create("b last but one", log[2].end())
	create("c middle", log[0].at(log[0].first))
	create("d first", log[0].end())
	create("e before duplicates", log[2].at(log[2].first))
	subs, err := s.all(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		events int64
		hours  int
	}{"a end": {0, 0}, "b last but one": {0, 0}, "c middle": {5, 4}, "d first": {3, 3}, "e before duplicates": {1, 2}, "of nothing": {6, 4}}
	if len(subs) != len(want) {
		t.Errorf("%d of %d subscriptions are told", len(subs), len(want))
	}
	for _, sub := range subs {
		if w := want[sub.Name]; sub.LagEvents != w.events || int(sub.Lag.Round(time.Hour).Hours()) != w.hours {
			t.Errorf("%s: %d events, %v; want %+v", sub.Name, sub.LagEvents, sub.Lag, w)
		}
	}
	pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = committed_at + interval '1 day'") // and then the clock was set back
	if subs, err = s.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sub := range subs {
		if w := want[sub.Name]; sub.LagEvents != w.events || sub.Lag != 0 {
			t.Errorf("%s: %d events, %v; want %d that wait for less than nothing", sub.Name, sub.LagEvents, sub.Lag, w.events)
		}
	}
}

// TestSubscriptionsKeepTheBrake that an operator puts on, and go on once it is off, also over connections that were opened
// meanwhile. Reading goes on.
func TestSubscriptionsKeepTheBrake(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	s := newSubscriptions(t, url, 10)
	if _, err := s.Create(t.Context(), event.Subscription{Name: "a", After: "beginning"}); err != nil {
		t.Fatal(err)
	}
	s.pool.Reset()
	brake := "ALTER DATABASE " + pgx.Identifier{conn.Config().Database}.Sanitize() + " SET default_transaction_read_only = "
	pgtest.Exec(t, conn, brake+"on")
	for range 2 {
		_, created := s.Create(t.Context(), event.Subscription{Name: "b", After: "beginning"})
		_, deleted := s.Delete(t.Context(), "a", nil)
		for _, err := range []error{created, deleted, s.Commit(t.Context(), "a", nil, event.Position{Commit: 2})} {
			if !errors.Is(err, postgres.ErrReadOnly) {
				t.Errorf("got %v, want %v", err, postgres.ErrReadOnly)
			}
		}
		if subs, err := s.all(t.Context()); err != nil || len(subs) != 1 || subs[0].At.Commit != 0 {
			t.Errorf("%v, %v", subs, err)
		}
	}
	pgtest.Exec(t, conn, "SET default_transaction_read_only = off; "+brake+"off")
	if err := s.Commit(t.Context(), "a", nil, event.Position{Commit: 2}); err != nil && !errors.Is(err, postgres.ErrReadOnly) {
		t.Error(err)
	}
	if err := s.Commit(t.Context(), "a", nil, event.Position{Commit: 3}); err != nil {
		t.Errorf("once it is off: %v", err)
	}
}
