package writer

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestBlocksDieWithTheirConnection: no id is given out twice, over connections and
// over writers.
func TestBlocksDieWithTheirConnection(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	a, b := newWriter(t, url), newWriter(t, url)
	storetest.Merge(t, a, "1", "2")
	storetest.Merge(t, b, "3")
	a.Close()
	storetest.Merge(t, a, "4")
	storetest.Merge(t, b, "5")
	conn := pgtest.Client(t, url)
	rows, _ := conn.Query(t.Context(), "SELECT id FROM ingot.events ORDER BY event_id")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	want := []int64{1, 2, postgres.BlockSize + 1, 2*postgres.BlockSize + 1, postgres.BlockSize + 2}
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %v %v, want %v", ids, err, want)
	}
	postgrestest.CheckLog(t, url)
}

// TestNewBlockWhenOneIsUsedUp: a batch that the rest of a block does not hold has its ids of the next one.
func TestNewBlockWhenOneIsUsedUp(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	last := w.session.lastID
	w.session.nextID = last - 2 // as if all others had been given out
	storetest.Merge(t, w, "b", "c")
	storetest.Merge(t, w, "d", "e") // of which the block holds one
	if w.session.lastID != last+postgres.BlockSize || w.session.nextID != last+3 {
		t.Errorf("ids go on at %d, up to %d; the first block ended at %d", w.session.nextID, w.session.lastID, last)
	}
	postgrestest.CheckLog(t, url)
	tooMany := make([]event.Event, postgres.BlockSize+1)
	var notStored *event.NotStoredError
	if _, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(tooMany...)}}, func() {}); !errors.As(err, &notStored) {
		t.Errorf("a batch over the block: %v", err)
	}
}

// TestSequenceBehindTheLog: blocks that the log has are passed over, as on a logical replica whose
// sequence nobody has moved.
func TestSequenceBehindTheLog(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	a, b := newWriter(t, url), newWriter(t, url)
	storetest.Merge(t, a, "1")
	storetest.Merge(t, a, "2", "3")
	storetest.Merge(t, b, "4")
	pgtest.Exec(t, pgtest.Client(t, url), "SELECT setval('ingot.id_blocks', 1, false)")
	c := newWriter(t, url)
	storetest.Merge(t, c, "5", "6")
	storetest.Merge(t, c, "7")
	if got, want := storetest.Walk(t, newReader(t, url), event.Query{Feed: true, Limit: 10}), 7; len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
		t.Errorf("%v are read, want %d events", got, want)
	}
	postgrestest.CheckLog(t, url)
}

// TestIDsComeAfterTheLog: where the sequence lies behind the log, the blocks that nobody has used of those before
// it, or whose batches retention has deleted, are passed over as well: newest first goes by id, and since by the
// order of ids.
func TestIDsComeAfterTheLog(t *testing.T) {
	t.Parallel()
	for name, pruned := range map[string]string{
		"never used": "SELECT",
		"deleted":    "DELETE FROM ingot.events WHERE event_id = '1'; DELETE FROM ingot.batches WHERE commit_seq = 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			storetest.Merge(t, newWriter(t, url), "1")
			pgtest.Exec(t, conn, "SELECT nextval('ingot.id_blocks')")
			storetest.Merge(t, newWriter(t, url), "2")
			pgtest.Exec(t, conn, pruned)
			pgtest.Exec(t, conn, "UPDATE ingot.batches SET committed_at = committed_at - interval '2 hours'")
			pgtest.Exec(t, conn, "SELECT setval('ingot.id_blocks', 1, false)")
			storetest.Merge(t, newWriter(t, url), "3")
			pgtest.Exec(t, conn, "UPDATE ingot.events SET received_at = now()")
			last := pgtest.Number(t, conn, "SELECT id FROM ingot.events WHERE event_id = '2'")
			if id := pgtest.Number(t, conn, "SELECT id FROM ingot.events WHERE event_id = '3'"); id <= last {
				t.Errorf("the newest event has id %d, the one before %d", id, last)
			}
			since := time.Now().Add(-3 * time.Hour)
			if got := storetest.Walk(t, newReader(t, url), event.Query{Limit: 1, Since: since}); len(got) < 2 || !strings.HasSuffix(got[0], "/3") || !strings.HasSuffix(got[1], "/2") {
				t.Errorf("newest first: %v", got)
			}
		})
	}
}

// TestATriggerChangesIDs: no row can be told to be an event's then. Nothing is stored, and the
// ingester lives.
func TestATriggerChangesIDs(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"before the batch": "0", "behind it": "NEW.id + 100000", "another event's": "NEW.id - NEW.id % 2 + 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			conn := pgtest.Client(t, url)
			pgtest.Exec(t, conn, `
				CREATE FUNCTION ingot.change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := `+id+`; RETURN NEW; END $$;
				CREATE TRIGGER change BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.change()`)
			w := newWriter(t, url)
			w.chooser.path = PathStaged
			var notStored *event.NotStoredError
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a", "b", "c")}, func() {}); !errors.As(err, &notStored) {
				t.Errorf("got %v %v, want not stored", stored, err)
			}
			pgtest.Exec(t, conn, "DROP TRIGGER change ON ingot.events")
			storetest.Merge(t, w, "a", "b", "c")
		})
	}
}
