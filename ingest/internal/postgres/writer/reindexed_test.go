package writer

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// reindexing makes of the tables what a REINDEX CONCURRENTLY of the primary key makes of them before it ends: two indexes
// have the key, and ON CONFLICT looks into the valid one alone. The first row waits where a batch of another ingester
// may come in between: it is in neither of the two yet.
const reindexing = `CREATE SEQUENCE ingot.rows;
	CREATE FUNCTION ingot.wait(id text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF nextval('ingot.rows') = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN id; END $$;
	ALTER TABLE ingot.events DROP CONSTRAINT events_pkey;
	CREATE INDEX wait ON ingot.events (ingot.wait(event_id));
	CREATE UNIQUE INDEX events_pkey_ccold ON ingot.events (event_id, topic);
	UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ingot.events_pkey_ccold'::regclass;
	ALTER TABLE ingot.events ADD CONSTRAINT events_pkey PRIMARY KEY (event_id, topic)`

// TestReindexRefusesNobody: the merge fails at a key that another ingester stores at the same time, which it would pass
// over otherwise. That is no constraint that somebody has added: the next try has the truth.
func TestReindexRefusesNobody(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, reindexing)
	pgtest.Exec(t, conn, "SELECT pg_advisory_lock(1)")
	w, other := newWriter(t, url), newWriter(t, url)
	w.chooser.path = PathStaged
	s := send(t.Context(), w, nil, "twin", "zebra")
	pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 1)
	if diff := cmp.Diff([]bool{true}, storetest.Merge(t, other, "twin")); diff != "" {
		t.Error(diff)
	}
	pgtest.Exec(t, conn, "SELECT pg_advisory_unlock(1)")
	<-s.ended
	var notStored *event.NotStoredError
	if !errors.As(s.err, &notStored) || notStored.Reason != event.ReasonUnexplained {
		t.Errorf("got %v %v, want not stored: %s", s.stored, s.err, event.ReasonUnexplained)
	}
	if diff := cmp.Diff([]bool{false, true}, storetest.Merge(t, w, "twin", "zebra")); diff != "" {
		t.Error(diff)
	}
}

// TestAnotherIndexOfTheKey decides nothing: an event that it takes for another one is not answered as a duplicate of it.
func TestAnotherIndexOfTheKey(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathAuto, PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		conn := pgtest.Client(t, url)
		w := newWriter(t, url)
		w.chooser.path = path
		storetest.Merge(t, w, "a")
		pgtest.Exec(t, conn, "CREATE COLLATION public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
		pgtest.Exec(t, conn, "CREATE UNIQUE INDEX any_case ON ingot.events (event_id COLLATE public.any_case, topic)")
		for range 2 {
			var notStored *event.NotStoredError
			if stored, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("A")}, func() {}); !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnexplained {
				t.Errorf("%s: got %v %v, want not stored: %s", path, stored, err, event.ReasonUnexplained)
			}
		}
		if diff := cmp.Diff([]bool{false, true}, storetest.Merge(t, w, "a", "b")); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
