package writer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// ofTopics is a batch with an event of each topic.
func ofTopics(n int, topics ...string) event.Batch {
	var events []event.Event
	for i, topic := range topics {
		e := storetest.Event(fmt.Sprint(n, "-", i))
		e.Topic = topic
		events = append(events, e)
	}
	return event.Batch{Groups: []event.Group{storetest.Group(events...)}}
}

func mergeBatch(t *testing.T, w *Writer, b event.Batch) {
	t.Helper()
	if _, err := w.Merge(t.Context(), b, func() {}); err != nil {
		t.Fatal(err)
	}
}

// TestTopicsAreCounted: whatever was folded and whatever was not, the totals are those of
// the events after each batch, on both paths, with names that JSON and SQL have to quote.
func TestTopicsAreCounted(t *testing.T) {
	t.Parallel()
	names := []string{"plain", `"`, `\`, `'`, `\u0022`, "\x01\t\n\x7f", "ä€𝄞", "{}:,", "null", " "}
	for _, path := range []Path{PathStaged, PathDirect} {
		t.Run(string(path), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			w, r := newWriter(t, url), newReader(t, url)
			w.chooser.path = path
			want := map[string]int64{}
			for n := range 2*foldBatches + 10 {
				chosen := []string{names[n%len(names)], names[(n*7+1)%len(names)], names[n%len(names)]}
				for _, topic := range chosen {
					want[topic]++
				}
				mergeBatch(t, w, ofTopics(n, chosen...))
				totals, err := r.Totals(t.Context(), -1, 1<<20)
				if err != nil || !maps.Equal(totals.Topics, want) {
					t.Fatalf("after %d batches: %v %v, want %v", n+1, totals.Topics, err, want)
				}
				most := n % (len(names) + 2)
				if totals, err = r.Totals(t.Context(), most, 1<<20); err != nil || !maps.Equal(totals.Topics, largest(want, most)) || totals.Stored != int64(3*n+3) {
					t.Fatalf("the largest %d after %d batches: %+v %v, want %v", most, n+1, totals, err, largest(want, most))
				}
			}
			if folds := pgtest.Number(t, pgtest.Client(t, url), "SELECT count(*) FROM ingot.batches WHERE folded"); folds != 3 {
				t.Errorf("%d of %d batches folded", folds, 2*foldBatches+10)
			}
			postgrestest.CheckLog(t, url)
		})
	}
}

// TestFoldsAreBounded: what gathers for readers to add up is so many batches or so many
// counts for each writer, and a connection's first batch leaves nothing of those before.
func TestFoldsAreBounded(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	gathered := func() (batches, counts int64) {
		batches = pgtest.Number(t, conn, "SELECT count(*) FROM ("+postgres.UnfoldedTopics+") AS b") // those without topics have to be passed over as well
		return batches, pgtest.Number(t, conn, "SELECT count(*) FROM ("+postgres.UnfoldedTopics+") AS b, json_each_text(b.topics)")
	}
	var topics []string
	for i := range foldCounts / 3 {
		topics = append(topics, fmt.Sprint("topic-", i))
	}
	w := newWriter(t, url)
	for n := range 10 {
		mergeBatch(t, w, ofTopics(n, topics...))
		if _, counts := gathered(); counts > foldCounts {
			t.Fatalf("%d counts have gathered", counts)
		}
	}
	for n := range 3 * foldBatches / 2 {
		mergeBatch(t, w, ofTopics(100+n, "t"))
		if batches, _ := gathered(); batches > foldBatches {
			t.Fatalf("%d batches have gathered", batches)
		}
	}
	if batches, _ := gathered(); batches == 0 {
		t.Error("each batch folds")
	}
	for range 3 * foldBatches / 2 {
		mergeBatch(t, w, ofTopics(100, "t"))
		if batches, _ := gathered(); batches > foldBatches {
			t.Fatalf("%d batches have gathered, the last of them duplicates", batches)
		}
	}
	w.Close()
	mergeBatch(t, w, ofTopics(1000, "t"))
	if batches, _ := gathered(); batches != 0 {
		t.Errorf("%d batches are left after the first of a connection", batches)
	}
	postgrestest.CheckLog(t, url)
}

// TestFoldThatFailsComesAgain: a fold that the direct path has refused is made on the
// staged one.
func TestFoldThatFailsComesAgain(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	mergeBatch(t, newWriter(t, url), ofTopics(1, "t"))
	w := newWriter(t, url)
	w.chooser.path = PathDirect
	mergeBatch(t, w, ofTopics(1, "t", "u")) // "t" is there: the direct path breaks
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.batches WHERE folded"); n != 2 {
		t.Errorf("%d batches folded, want the first of both connections", n)
	}
	postgrestest.CheckLog(t, url)
}

// largest are the topics with the most events, those that are equal by their names.
func largest(counts map[string]int64, most int) map[string]int64 {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	largest := map[string]int64{}
	for _, name := range names[:min(most, len(names))] {
		largest[name] = counts[name]
	}
	return largest
}

// TestTooManyTopics: no more are held than an answer may have, whether they were folded or not.
func TestTooManyTopics(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	for n := range 3 {
		mergeBatch(t, w, ofTopics(n, "a", fmt.Sprint("topic-", n)))
	}
	size := len(`"a":1,`) + 3*len(`"topic-0":1,`)
	for _, c := range []struct {
		most, maxBytes int
		want           error
	}{{-1, size, nil}, {-1, size - 1, event.ErrTooManyTopics}, {1, size - 1, nil}, {0, 0, nil}} {
		if totals, err := r.Totals(t.Context(), c.most, int64(c.maxBytes)); !errors.Is(err, c.want) {
			t.Errorf("%+v: %+v %v", c, totals, err)
		}
	}
}

// TestBatchesOfAnOlderVersion count their topics at once and leave nothing to fold: both
// may write while ingesters are replaced.
func TestBatchesOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn, w := pgtest.Client(t, url), newWriter(t, url)
	old := func(seq int) {
		pgtest.Exec(t, conn, `INSERT INTO ingot.events SELECT 'old', 't' || $1::int, 9e9::bigint + $1::int, source, timestamp, received_at, payload FROM ingot.events LIMIT 1`, seq)
		pgtest.Exec(t, conn, `INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored, total_received, total_stored, instance, committed_at)
			SELECT commit_seq + 1, 9e9::bigint + $1::int, 9e9::bigint + $1::int, 1, 1, total_received + 1, total_stored + 1, instance, now() FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1`, seq)
		pgtest.Exec(t, conn, `INSERT INTO ingot.topics VALUES ('t' || $1::int, 1)`, seq)
	}
	for n := range foldBatches + 5 {
		mergeBatch(t, w, ofTopics(n, "t"))
		if n%10 == 0 {
			old(n)
		}
	}
	totals, err := newReader(t, url).Totals(t.Context(), -1, 1<<20)
	if err != nil || totals.Topics["t"] != foldBatches+5 || totals.Topics["t60"] != 1 {
		t.Errorf("%+v %v", totals, err)
	}
	postgrestest.CheckLog(t, url)
}

// TestMigrationFolds what has gathered, and nothing of it twice.
func TestMigrationFolds(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn, w := pgtest.Client(t, url), newWriter(t, url)
	for n := range foldBatches / 2 {
		mergeBatch(t, w, ofTopics(n, "t", "u"))
	}
	for range 2 { // the second time there is nothing to fold
		pgtest.Exec(t, conn, "UPDATE ingot.schema_version SET version = 6")
		if _, err := postgres.Open(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		if n := pgtest.Number(t, conn, "SELECT count(*) FROM ("+postgres.UnfoldedTopics+") AS b"); n != 0 {
			t.Errorf("%d batches are not folded", n)
		}
		if n := pgtest.Number(t, conn, "SELECT min(events) + max(events) + count(*) FROM ingot.topics"); n != foldBatches+2 {
			t.Errorf("events of a topic twice and topics: %d", n)
		}
	}
	postgrestest.CheckLog(t, url)
}
