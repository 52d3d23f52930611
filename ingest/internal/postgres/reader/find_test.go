package reader

import (
	"fmt"
	"slices"
	"testing"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestEvent reads one event by its key.
func TestEvent(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	storetest.Merge(t, newWriter(t, url), "1", "2")
	r := newReader(t, url)
	e, there, err := r.Event(t.Context(), "t", "2")
	if err != nil || !there || e.Event.ID != "2" || e.Topic != "t" || e.Payload != `{"id":"2"}` || e.ReceivedAt.IsZero() {
		t.Errorf("%+v %v %v", e, there, err)
	}
	pgtest.Exec(t, pgtest.Client(t, url), "INSERT INTO ingot.events SELECT event_id, 'u', 999, source, timestamp, received_at, payload FROM ingot.events")
	if e, there, err := r.Event(t.Context(), "u", "2"); err != nil || !there || e.Event.ID != "2" || e.Topic != "u" {
		t.Errorf("of another topic: %+v %v %v", e, there, err)
	}
	for _, key := range [][2]string{{"2", "t"}, {"tt", "2"}, {"t", "3"}} {
		if _, there, err := r.Event(t.Context(), key[0], key[1]); err != nil || there {
			t.Errorf("%s, which is not there: %v %v", key, there, err)
		}
	}
}

// TestOneIDInManyTopics: more of them than one search finds hide none.
func TestOneIDInManyTopics(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	pgtest.Exec(t, pgtest.Client(t, url), fmt.Sprintf(`
		INSERT INTO ingot.events SELECT 'x', 'topic-' || n, n, 's', now(), now(), '0' FROM generate_series(1, %[1]d) AS n;
		INSERT INTO ingot.events VALUES ('x', 'zzz', %[1]d + 1, 's', now(), now(), '0');
		INSERT INTO ingot.batches VALUES (1, 1, %[1]d, %[1]d, %[1]d, %[1]d, %[1]d, gen_random_uuid(), now(), 0),
			(2, %[1]d + 1, %[1]d + 1, 1, 1, %[1]d + 1, %[1]d + 1, gen_random_uuid(), now(), 0)`, postgres.BlockSize))
	r := newReader(t, url)
	log, err := r.log(t.Context(), "ORDER BY commit_seq")
	if err != nil {
		t.Fatal(err)
	}
	for _, topics := range [][]string{nil, {"zzz"}} {
		if got := storetest.Walk(t, r, event.Query{Feed: true, EventID: "x", Topics: topics, Limit: 10, Cursor: log[0].end().Cursor()}); !slices.Equal(got, []string{"zzz/x"}) {
			t.Errorf("topics %v: behind the first batch: %v", topics, got)
		}
	}
}
