package writer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// withhold makes a trigger that keeps out, without an error, what source 'bad' has sent.
const withhold = `CREATE FUNCTION ingot.withhold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF NEW.source = 'bad' THEN RETURN NULL; END IF; RETURN NEW; END $$;
	CREATE TRIGGER withhold BEFORE INSERT ON ingot.events FOR EACH ROW EXECUTE FUNCTION ingot.withhold()`

// TestWithheldIsNotStored: a row that a trigger keeps out without an error is answered neither stored nor duplicate, on either
// path, also if the trigger is made beneath an open connection. What was sent beside it is stored without it.
func TestWithheldIsNotStored(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathAuto, PathStaged, PathDirect} {
		for name, before := range map[string]bool{"before the connection": true, "beneath it": false} {
			t.Run(string(path)+" "+name, func(t *testing.T) {
				t.Parallel()
				url := postgrestest.Database(t)
				conn := pgtest.Client(t, url)
				w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
				t.Cleanup(w.Close)
				if before {
					pgtest.Exec(t, conn, withhold)
				}
				storetest.Merge(t, w, "known")
				if !before {
					pgtest.Exec(t, conn, withhold)
				}
				bad := storetest.Event("b")
				bad.Source = "bad"
				batch := func() event.Batch {
					return event.Batch{Groups: append(storetest.Groups("known", "a"), storetest.Group(bad)), Suspects: make([]bool, 3)}
				}
				if !before {
					var notStored *event.NotStoredError
					if stored, err := w.Merge(t.Context(), batch(), func() {}); !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
						t.Fatalf("over a connection that does not know of the trigger: %v, %v", stored, err)
					}
				}
				for range 2 {
					var refused *event.BadDataError
					if stored, err := w.Merge(t.Context(), batch(), func() {}); !errors.As(err, &refused) || refused.By != "a trigger" {
						t.Fatalf("got %v, %v; want bad data that a trigger refuses", stored, err)
					}
				}
				if diff := cmp.Diff([]bool{false, true, false}, storetest.Merge(t, w, "known", "a", "a")); diff != "" {
					t.Errorf("what was sent beside it: %s", diff)
				}
				if v := postgrestest.CheckLog(t, url); v.Events != 2 {
					t.Errorf("%+v", v)
				}
			})
		}
	}
}

// TestWithheldFromAPartition: nor is a row answered so that a trigger on a partition keeps out, also if it is made beneath an open
// connection.
func TestWithheldFromAPartition(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		conn := pgtest.Client(t, url)
		pgtest.Exec(t, conn, `ALTER TABLE ingot.events RENAME TO plain; CREATE TABLE ingot.events (LIKE ingot.plain INCLUDING ALL) PARTITION BY HASH (event_id);
			CREATE TABLE ingot.part PARTITION OF ingot.events FOR VALUES WITH (MODULUS 1, REMAINDER 0); DROP TABLE ingot.plain`)
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, "a")
		pgtest.Exec(t, conn, strings.ReplaceAll(withhold, "ON ingot.events", "ON ingot.part"))
		bad := storetest.Event("b")
		bad.Source = "bad"
		var refused *event.BadDataError
		if stored, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(bad)}, Suspects: make([]bool, 1)}, func() {}); !errors.As(err, &refused) {
			t.Errorf("%s: got %v, %v; want bad data", path, stored, err)
		}
	}
}

// TestALogRowThatIsKeptOut by a trigger that is made beneath an open connection: nobody is told that the batch is stored, since no
// reader would find it. No connection is opened while the trigger is there.
func TestALogRowThatIsKeptOut(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, "a")
		pgtest.Exec(t, pgtest.Client(t, url), `CREATE FUNCTION ingot.none() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER none BEFORE INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.none()`)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var unknown *event.UnknownError
		if stored, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups("b"), Suspects: make([]bool, 1)}, func() {}); !errors.As(err, &unknown) {
			t.Errorf("%s: got %v, %v; want unknown", path, stored, err)
		}
		if _, err := postgres.Open(t.Context(), url); err == nil {
			t.Errorf("%s: opened", path)
		}
	}
}

// TestALogRowThatIsKeptOutIsNotThere: nor is anybody told that nothing is stored, whatever a fence would find once the trigger is gone:
// the events are there.
func TestALogRowThatIsKeptOutIsNotThere(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		conn := pgtest.Client(t, url)
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, "a")
		pgtest.Exec(t, conn, `CREATE FUNCTION ingot.none() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER none BEFORE INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION ingot.none()`)
		b := send(t.Context(), w, make([]bool, 1), "b")
		pgtest.WaitFor(t, conn, "SELECT count(*) FROM ingot.events WHERE event_id = 'b'", 1)
		pgtest.Exec(t, conn, "DROP TRIGGER none ON ingot.batches")
		<-b.ended
		var notStored *event.NotStoredError
		if b.err == nil || errors.As(b.err, &notStored) {
			t.Errorf("%s: got %v, %v; want unknown", path, b.stored, b.err)
		}
	}
}

// TestAKeyThatIsDropped beneath an open connection has nothing written until there is one again, on either path: COPY would store
// what another ingester has stored. The new key is another one to that connection, but not to the next.
func TestAKeyThatIsDropped(t *testing.T) {
	t.Parallel()
	for _, path := range []Path{PathStaged, PathDirect} {
		url := postgrestest.Database(t)
		conn := pgtest.Client(t, url)
		w := New(url, path, testTimeouts, uuid.New(), zap.NewNop())
		t.Cleanup(w.Close)
		storetest.Merge(t, w, "a")
		pgtest.Exec(t, conn, "ALTER TABLE ingot.events DROP CONSTRAINT events_pkey")
		for _, batch := range []event.Batch{
			{Groups: storetest.Groups("b"), Suspects: make([]bool, 1)},
			{Groups: storetest.Groups("a"), Suspects: []bool{true}},
		} {
			var notStored *event.NotStoredError
			if stored, err := w.Merge(t.Context(), batch, func() {}); !errors.As(err, &notStored) {
				t.Errorf("%s, without the key: %v, %v", path, stored, err)
			}
		}
		pgtest.Exec(t, conn, "ALTER TABLE ingot.events ADD PRIMARY KEY (event_id, topic)")
		if _, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {}); err != nil && w.session != nil {
			t.Errorf("%s: the connection is kept after %v", path, err)
		}
		if diff := cmp.Diff([]bool{false, true}, storetest.Merge(t, w, "a", "b")); diff != "" {
			t.Errorf("%s, with the key again: %s", path, diff)
		}
		if v := postgrestest.CheckLog(t, url); v.Events != 2 {
			t.Errorf("%s: %+v", path, v)
		}
	}
}
