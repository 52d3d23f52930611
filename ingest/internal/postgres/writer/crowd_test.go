package writer

import (
	"fmt"
	"strings"
	"testing"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/internal/pgtest"
)

// TestCrowded: a writer knows whether others write most batches of the log, on both paths, by its own folds.
func TestCrowded(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathDirect, PathStaged} {
		t.Run(string(path), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			few, most := newWriter(t, url), newWriter(t, url)
			few.chooser.path, most.chooser.path = path, path
			n := 0
			write := func(w *Writer) {
				n++
				mergeBatch(t, w, ofTopics(n, "t"))
			}
			for range foldBatches + 1 { // the second of a connection's folds is the first that it can tell from
				write(few)
				for range 2 {
					write(most)
				}
			}
			if few.Crowded() || most.Crowded() {
				t.Errorf("before the second fold: %v, %v", few.Crowded(), most.Crowded())
			}
			write(few)
			write(most)
			if !few.Crowded() || most.Crowded() {
				t.Errorf("a third of the batches: crowded %v; two thirds: crowded %v", few.Crowded(), most.Crowded())
			}
			for range 2 * foldBatches {
				write(few)
			}
			if few.Crowded() {
				t.Error("alone, it is still crowded")
			}
		})
	}
}

// TestCrowdedAcrossConnections: a new connection cannot tell yet, and leaves it at what was known.
func TestCrowdedAcrossConnections(t *testing.T) {
	t.Parallel()
	w := newWriter(t, postgrestest.Database(t))
	for i, known := range []bool{false, true} {
		w.crowd.others.Store(known)
		for n := range 3 {
			mergeBatch(t, w, ofTopics(10*i+n, "t"))
			w.drop()
		}
		if w.Crowded() != known {
			t.Errorf("the first batches of connections changed it to %v", !known)
		}
	}
}

// TestFoldReadsFewRows: what a fold reads does not grow with the log.
func TestFoldReadsFewRows(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	const log = 5000
	pgtest.Exec(t, pgtest.Client(t, url), fmt.Sprintf(`INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored, total_received, total_stored,
		instance, committed_at, heap_blocks, topics, folded)
		SELECT i, i, i, 1, 1, i, i, gen_random_uuid(), now(), 1, NULL, i %% 64 = 0 FROM generate_series(1, %d) AS i`, log))
	w := newWriter(t, url)
	if err := w.Ready(t.Context(), soonUp); err != nil {
		t.Fatal(err)
	}
	results, err := w.session.conn.Exec(t.Context(), "EXPLAIN (ANALYZE, TIMING off) EXECUTE ingot_fold ('7b7d')").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for _, row := range results[0].Rows {
		plan = append(plan, string(row[0]))
	}
	for _, line := range plan {
		_, actual, _ := strings.Cut(line, "actual rows=")
		var rows int
		_, _ = fmt.Sscan(actual, &rows)
		if rows > 2*foldBatches {
			t.Fatalf("a fold reads %d of %d rows:\n%s", rows, log, strings.Join(plan, "\n"))
		}
	}
	if !strings.Contains(strings.Join(plan, ""), "actual rows=1") {
		t.Errorf("no figures in the plan:\n%s", strings.Join(plan, "\n"))
	}
}
