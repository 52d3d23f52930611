package reader

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestAVoidRowWithinABatch hides nothing of it. It stands there where a failover has lost the draw of a block of ids:
// another instance drew the block once more, and wrote a batch around the ids of the one that was fenced.
func TestAVoidRowWithinABatch(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn := newWriter(t, url), pgtest.Client(t, url)
	var keys, want []string
	for i := range 10 {
		keys = append(keys, fmt.Sprint(i))
		want = append(want, "t/"+keys[i])
	}
	storetest.Merge(t, w, keys[:2]...)
	storetest.Merge(t, w, keys[2:]...)
	pgtest.Exec(t, conn, `INSERT INTO ingot.batches SELECT 3, first_id + 4, first_id + 3, 0, 0, total_received, total_stored, gen_random_uuid(), now() FROM ingot.batches WHERE commit_seq = 2`)
	postgrestest.CheckLog(t, url)
	r := newReader(t, url)
	soon := time.Now().Add(time.Hour)
	for _, table := range []string{"small", "large"} { // a batch far from the void row in the table is looked for by itself
		if table == "large" {
			pgtest.Exec(t, conn, "UPDATE ingot.batches SET heap_blocks = heap_blocks + 100000 WHERE received > 0")
		}
		for _, q := range []event.Query{{}, {Topics: []string{"t"}}, {Source: "s"}, {Until: soon.AddDate(1, 0, 0)}} {
			for _, limit := range []int{1, 6, 1000} {
				q.Limit, q.Feed = limit, true
				if diff := cmp.Diff(want, storetest.Walk(t, r, q)); diff != "" {
					t.Errorf("%s table, feed of %+v: %s", table, q, diff)
				}
				q.Feed = false
				newest := storetest.Walk(t, r, q)
				slices.Reverse(newest)
				if diff := cmp.Diff(want, newest); diff != "" {
					t.Errorf("%s table, newest of %+v: %s", table, q, diff)
				}
			}
		}
	}
}
