package retention

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/reader"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

func newPruner(t *testing.T, url string) *Pruner {
	t.Helper()
	p, err := Open(url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// olderThan is the age at which the batches that filled has written go, up to the one of a number: the one
// behind it is just old enough, and the next would be a minute later.
func olderThan(batch int) time.Duration {
	return time.Since(time.Date(2026, 1, 1, 0, batch, 2, 0, time.UTC))
}

// pruned prunes until nothing is left to delete.
func pruned(t *testing.T, p *Pruner, age time.Duration) (all Pruned) {
	t.Helper()
	for all.More = true; all.More; {
		step, err := p.Prune(t.Context(), age)
		if err != nil {
			t.Fatal(err)
		}
		all.Batches, all.Events, all.More = all.Batches+step.Batches, all.Events+step.Events, step.More
	}
	return all
}

// TestPrune deletes the batches that are old enough, whole, and nothing else: the rest is read
// as before, the totals stay, the topics' counts match the events, and a key that was deleted is new.
func TestPrune(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order := filled(t, url, 250)
	r, conn, p := newReader(t, url), pgtest.Client(t, url), newPruner(t, url)
	before, err := r.Totals(t.Context(), -1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	gone := pgtest.Number(t, conn, "SELECT sum(stored) FROM ingot.batches WHERE commit_seq <= 100")

	if all := pruned(t, p, olderThan(100)); all.Batches != 100 || all.Events != gone {
		t.Errorf("deleted %+v, want %d of 100 batches", all, gone)
	}
	postgrestest.CheckLog(t, url)
	if diff := cmp.Diff(order[gone:], storetest.Walk(t, r, event.Query{Feed: true, Limit: 100})); diff != "" {
		t.Errorf("the feed (-want +got)\n%s", diff)
	}
	after, err := r.Totals(t.Context(), -1, 1<<20)
	if err != nil || after.Received != before.Received || after.Stored != before.Stored {
		t.Errorf("totals %+v, were %+v; %v", after, before, err)
	}
	for topic, n := range after.Topics {
		if want := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events WHERE topic = $1", topic); n != want {
			t.Errorf("topic %s has %d, want %d", topic, n, want)
		}
	}
	if said := postgrestest.CheckLog(t, url).String(); !strings.HasSuffix(said, fmt.Sprintf(", received %d, duplicates %d, no longer there %d", after.Received, after.Received-after.Stored, gone)) {
		t.Errorf("verify says %s", said)
	}
	if all := pruned(t, p, olderThan(100)); all != (Pruned{}) {
		t.Errorf("once more: %+v", all)
	}

	s, err := reader.OpenSubscriptions(url, postgres.PoolConfig{Connections: 1, Timeout: time.Minute}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := s.Create(t.Context(), event.Subscription{Name: "a", After: "beginning"}); err != nil {
		t.Fatal(err)
	}
	if sub, _, err := s.Get(t.Context(), "a"); err != nil || sub.LagEvents != int64(len(order))-gone {
		t.Errorf("a subscription from the beginning is %d events behind, want %d; %v", sub.LagEvents, int64(len(order))-gone, err)
	}

	kept := strings.TrimPrefix(order[len(order)-1], "frequent/")
	again := storetest.Groups(strings.TrimPrefix(order[0], "frequent/"), kept)
	again[0].Events[0].Topic, again[0].Events[1].Topic = "frequent", "frequent"
	stored, err := newWriter(t, url).Merge(t.Context(), event.Batch{Groups: again, Suspects: []bool{true, true}}, func() {})
	if err != nil || !stored[0] || stored[1] {
		t.Errorf("a deleted key and one that is kept: %v %v", stored, err)
	}
	postgrestest.CheckLog(t, url)
}

// TestPruneTakesTopicsAway of which no event is left.
func TestPruneTakesTopicsAway(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	storetest.Merge(t, newWriter(t, url), "a", "b")
	pgtest.Exec(t, conn, `UPDATE ingot.events SET topic = '"old" \ <é>'; UPDATE ingot.topics SET topic = '"old" \ <é>'`)
	storetest.Merge(t, newWriter(t, url), "c")
	if all := pruned(t, newPruner(t, url), 0); all.Batches != 1 || all.Events != 2 {
		t.Errorf("deleted %+v", all)
	}
	postgrestest.CheckLog(t, url)
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.topics WHERE topic LIKE '%old%'"); n != 0 {
		t.Error("the topic is still there")
	}
}

// TestPruneOfBatchesWithoutEvents: duplicates alone, and the void row of a fence, which has no id. They go with others, and
// where a step has none but them.
func TestPruneOfBatchesWithoutEvents(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]Pruned{
		"with others":   {{Batches: 3, Events: 2}},
		"by themselves": {{Batches: 1, Events: 2}, {Batches: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn, p := pgtest.Client(t, url), newPruner(t, url)
			w := newWriter(t, url)
			storetest.Merge(t, w, "a", "b")
			storetest.Merge(t, w, "a", "b")
			pgtest.Exec(t, conn, `INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored, total_received, total_stored, instance, committed_at)
				SELECT 3, 5, 4, 0, 0, total_received, total_stored, instance, clock_timestamp() FROM ingot.batches WHERE commit_seq = 2`)
			storetest.Merge(t, newWriter(t, url), "c")
			for i, want := range steps {
				old := 4
				if i < len(steps)-1 {
					old = 2
				}
				pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = committed_at - interval '2 hours' WHERE commit_seq <= $1", old)
				if all := pruned(t, p, time.Hour); all != want {
					t.Errorf("step %d deleted %+v, want %+v", i, all, want)
				}
				postgrestest.CheckLog(t, url)
			}
		})
	}
}

// TestPruneWhateverTheDatabaseHas for transactions that do not say how they are, but for the brake that stops all that writes.
func TestPruneWhateverTheDatabaseHas(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 20)
	conn := pgtest.Client(t, url)
	database := "ALTER DATABASE " + pgx.Identifier{conn.Config().Database}.Sanitize()
	pgtest.Exec(t, conn, database+" SET default_transaction_isolation = 'repeatable read'; "+database+" SET default_transaction_read_only = on")
	p := newPruner(t, url)
	if done, err := p.Prune(t.Context(), 0); !errors.Is(err, postgres.ErrReadOnly) {
		t.Errorf("with the brake on: %+v, %v", done, err)
	}
	pgtest.Exec(t, conn, database+" RESET default_transaction_read_only")
	if all := pruned(t, p, 0); all.Batches != 6 {
		t.Errorf("deleted %+v", all)
	}
}

// TestAStepThatFails has deleted nothing, and says so, whichever of its statements does.
func TestAStepThatFails(t *testing.T) {
	t.Parallel()
	const refuse = `CREATE FUNCTION ingot.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
		CREATE TRIGGER refuse BEFORE DELETE OR UPDATE ON ingot.%s FOR EACH ROW EXECUTE FUNCTION ingot.refuse()`
	for name, fails := range map[string]struct{ before, after string }{
		"no log":          {"ALTER TABLE ingot.batches RENAME COLUMN stored TO others", "ALTER TABLE ingot.batches RENAME COLUMN others TO stored"},
		"events stay":     {fmt.Sprintf(refuse, "events"), "DROP TRIGGER refuse ON ingot.events"},
		"batches stay":    {fmt.Sprintf(refuse, "batches"), "DROP TRIGGER refuse ON ingot.batches"},
		"topics stay":     {fmt.Sprintf(refuse, "topics"), "DROP TRIGGER refuse ON ingot.topics"},
		"the log is held": {fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", postgres.LogLock), "ROLLBACK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			filled(t, url, 20)
			p, err := Open(url, 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			conn := pgtest.Client(t, url)
			pgtest.Exec(t, conn, fails.before)
			if done, err := p.Prune(t.Context(), 0); err == nil || done != (Pruned{}) {
				t.Errorf("%+v, %v", done, err)
			}
			pgtest.Exec(t, conn, fails.after)
			if v := postgrestest.CheckLog(t, url); v.Batches != 20 {
				t.Errorf("%+v", v)
			}
			if all := pruned(t, p, 0); all.Batches != 6 {
				t.Errorf("afterwards: %+v", all)
			}
		})
	}
}

// TestPruneKeepsWhatIsNotFolded: the sums would lose what they never had. The newest batch is
// always kept.
func TestPruneKeepsWhatIsNotFolded(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 20)
	if all := pruned(t, newPruner(t, url), 0); all.Batches != 6 { // the first batch of the third writer folds
		t.Errorf("deleted %+v", all)
	}
	postgrestest.CheckLog(t, url)
}

// TestPruneOfManySteps: none takes more than a slice of events, or one batch.
func TestPruneOfManySteps(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	ids := make([]string, 5000)
	for b := range 4 {
		for i := range ids {
			ids[i] = fmt.Sprint(b, "-", i)
		}
		storetest.Merge(t, w, ids...)
	}
	storetest.Merge(t, newWriter(t, url), "last")
	p := newPruner(t, url)
	for step, c := range []struct {
		most    int
		batches int64
	}{{stepEvents, 1}, {4_999, 1}, {10_000, 2}} {
		p.events = c.most
		if done, err := p.Prune(t.Context(), 0); err != nil || done.Batches != c.batches || done.Events != 5000*c.batches {
			t.Fatalf("step %d: %+v %v", step, done, err)
		}
		postgrestest.CheckLog(t, url)
	}
	if n := pgtest.Number(t, pgtest.Client(t, url), "SELECT count(*) FROM ingot.events"); n != 1 {
		t.Errorf("%d events are left", n)
	}
}

// TestPruneOfTinyBatches: a step of thousands of them takes no longer than one of a few.
func TestPruneOfTinyBatches(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	tinyBatches(t, url, stepBatches+1)
	p, err := Open(url, 5*time.Second) // of which it needs a fiftieth
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if done, err := p.Prune(t.Context(), time.Hour); err != nil || done.Batches != stepBatches || done.Events != 2*stepBatches {
		t.Errorf("%+v %v", done, err)
	}
	postgrestest.CheckLog(t, url)
}

// TestPruneOfSlowEvents: where a step of all that is old takes longer than a statement may, a smaller one is made.
func TestPruneOfSlowEvents(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	const tooLong = "a statement has 1s (--query-timeout)"
	tinyBatches(t, url, 40)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN old; END $$;
		CREATE TRIGGER slow BEFORE DELETE ON ingot.events FOR EACH ROW EXECUTE FUNCTION slow()`)
	p, err := Open(url, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.events = 80 // all of them
	failed := error(nil)
	for try := 0; pgtest.Number(t, conn, "SELECT count(*) FROM ingot.batches") > 1; try++ {
		if try == 500 {
			t.Fatalf("nothing is deleted any more: %v", failed)
		}
		if _, err := p.Prune(t.Context(), time.Hour); err != nil && (failed == nil || !strings.Contains(failed.Error(), tooLong)) {
			failed = err // a slow machine may fail it in other ways as well
		}
	}
	if failed == nil || !strings.Contains(failed.Error(), tooLong) {
		t.Errorf("got %v, want that a step was too long, and the name of the setting", failed)
	}
	postgrestest.CheckLog(t, url)
}

// TestAStepLearns from the ones before: half as much after a long one, whatever became of it, and never nothing; twice as much,
// and no more than a slice, after a quick one that has deleted something.
func TestAStepLearns(t *testing.T) {
	t.Parallel()
	p := &Pruner{timeout: 8 * time.Second, events: 4}
	some, failed := Pruned{Batches: 1}, errors.New("failed")
	for i, c := range []struct {
		took time.Duration
		done Pruned
		err  error
		want int
	}{
		{3 * time.Second, some, nil, 2},
		{3 * time.Second, Pruned{}, failed, 1},
		{3 * time.Second, some, nil, 1},
		{3 * time.Second / 2, some, nil, 1},
		{time.Second / 2, Pruned{}, nil, 1},
		{time.Second / 2, some, failed, 1},
		{time.Second / 2, some, nil, 2},
		{time.Second / 2, some, nil, 4},
	} {
		if p.took(c.took, c.done, c.err); p.events != c.want {
			t.Errorf("step %d: the next deletes %d, want %d", i, p.events, c.want)
		}
	}
	p.events = stepEvents - 1
	if p.took(0, some, nil); p.events != stepEvents {
		t.Errorf("the next deletes %d, want a slice", p.events)
	}
}

// tinyBatches writes batches of two events, old ones, of which the last one is folded.
func tinyBatches(t *testing.T, url string, n int) {
	t.Helper()
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored, total_received, total_stored, instance, committed_at, folded)
		SELECT n, 2 * n, 2 * n + 1, 2, 2, 2 * n, 2 * n, gen_random_uuid(), now() - interval '1 day' + n * interval '1 ms', n = $1 FROM generate_series(1, $1::bigint) AS n`, n)
	pgtest.Exec(t, conn, "INSERT INTO ingot.events SELECT n::text, (n % 1000)::text, n, 's', now(), now(), '{}' FROM generate_series(2, 2 * $1::bigint + 1) AS n", n)
	pgtest.Exec(t, conn, "INSERT INTO ingot.topics SELECT topic, count(*) FROM ingot.events GROUP BY topic")
}
