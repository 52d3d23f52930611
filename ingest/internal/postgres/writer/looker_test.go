package writer

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/pgtest"
)

// TestMemoryOfLookUps is used again by the next one, and let go of after a large one. Whatever the look-up before asked
// for, each finds what exists.
func TestMemoryOfLookUps(t *testing.T) {
	t.Parallel()
	w := newWriter(t, postgrestest.Database(t))
	storetest.Merge(t, w, "a")
	look := func(ids ...string) {
		t.Helper()
		k := keys{ids: ids}
		for i := range ids {
			k.topics, k.positions = append(k.topics, "t"), append(k.positions, i)
		}
		known := make([]bool, len(ids))
		if _, err := w.lookers.find(t.Context(), k, known); err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			if known[i] != (id == "a") {
				t.Errorf("of %d keys the one at %d is known: %v", len(ids), i, known[i])
			}
		}
	}
	first := &w.lookers.all[0]
	look("missing", "a", "missing too")
	was := unsafe.SliceData(first.params[0])
	look("a", "b")
	if was == nil || unsafe.SliceData(first.params[0]) != was {
		t.Error("the second look-up took other memory than the first")
	}
	many := []string{"a"}
	for i := range 4 * paramsKept / 500 {
		many = append(many, fmt.Sprint(i)+strings.Repeat("x", 500))
	}
	look(append(many, "a")...)
	for i := range w.lookers.all {
		for _, param := range w.lookers.all[i].params {
			if cap(param) > paramsKept {
				t.Errorf("%d bytes are kept after a look-up of %d keys, want at most %d", cap(param), len(many), paramsKept)
			}
		}
	}
	look("b", "a")
}

// TestALookUpThatTakesTooLong says which setting gives it its time.
func TestALookUpThatTakesTooLong(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	pgtest.Exec(t, pgtest.Client(t, url), "BEGIN; LOCK TABLE ingot.events")
	w.lookers.timeout = soonOver
	_, err := w.lookers.find(t.Context(), keys{ids: []string{"a"}, topics: []string{"t"}, positions: []int{0}}, make([]bool, 1))
	if err == nil || !strings.Contains(err.Error(), "a statement has 2s (--attempt-timeout)") {
		t.Errorf("got %v", err)
	}
}
