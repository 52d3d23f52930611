package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/pgtest"
)

// TestVerifySeesEveryLie breaks each invariant in turn. Each lie is seen by all invariants that it breaks, so that one
// that has gone blind is noticed though others see the same lie.
func TestVerifySeesEveryLie(t *testing.T) {
	t.Parallel()
	if v := postgrestest.CheckLog(t, postgrestest.Database(t)); v.Events != 0 || v.Batches != 0 {
		t.Errorf("an empty database: %+v", v)
	}
	if _, err := postgres.Verify(t.Context(), pgtest.New(t)); err == nil || !strings.Contains(err.Error(), "no Ingot server") {
		t.Errorf("a database without the schema: %v", err)
	}
	const (
		gaps     = "commit_seq has no gaps"
		totals   = "the log's totals add up"
		received = "a batch received as many events as it has ids"
		shared   = "no two batches share an id"
		lies     = "every event belongs to a batch and has an id of its own, and each batch has as many events as it stored"
		number   = "the log's last total, less the events that are older than the log, is the number of events"
		topics   = "the topics' counts match the events"
		adds     = "a batch's topics add up to what it stored"
		keys     = "the tables cannot be used"
	)
	const ofNine = "id BETWEEN (SELECT first_id FROM ingot.batches WHERE commit_seq = 9) AND (SELECT last_id FROM ingot.batches WHERE commit_seq = 9)"
	seen := map[string]bool{}
	for lie, c := range map[string]struct {
		sql  string
		seen []string
	}{
		"a batch is gone":            {"DELETE FROM ingot.batches WHERE commit_seq = 5", []string{gaps, totals, lies}},
		"the last batch is gone":     {"DELETE FROM ingot.batches WHERE commit_seq = 20", []string{lies, number, topics}},
		"a gap":                      {"UPDATE ingot.batches SET commit_seq = 21 WHERE commit_seq = 20", []string{gaps}},
		"an event is gone":           {"DELETE FROM ingot.events WHERE id = 3", []string{lies, number, topics}},
		"a batch's events are gone":  {"DELETE FROM ingot.events WHERE " + ofNine, []string{lies, number, topics}},
		"an event too many":          {"INSERT INTO ingot.events SELECT 'x', topic, 999, source, timestamp, received_at, payload FROM ingot.events LIMIT 1", []string{lies, number, topics}},
		"an event twice":             {"ALTER TABLE ingot.events DROP CONSTRAINT events_pkey; INSERT INTO ingot.events SELECT * FROM ingot.events WHERE id = 3", []string{lies, number, topics, keys}},
		"no key":                     {"ALTER TABLE ingot.events DROP CONSTRAINT events_pkey", []string{keys}},
		"an event moved":             {"UPDATE ingot.events SET id = (SELECT first_id FROM ingot.batches WHERE commit_seq = 1) - 1 WHERE id = (SELECT max(id) FROM ingot.events)", []string{lies}},
		"two events share an id":     {"UPDATE ingot.events SET id = (SELECT min(id) FROM ingot.events WHERE " + ofNine + ") WHERE id = (SELECT max(id) FROM ingot.events WHERE " + ofNine + ")", []string{lies}},
		"an event of another topic":  {"UPDATE ingot.events SET topic = 'rare' WHERE id = 3", []string{topics}},
		"all of a topic, of another": {"UPDATE ingot.events SET topic = 'nobody counts' WHERE topic = 'rare'", []string{topics}},
		"a topic nobody counts":      {"UPDATE ingot.events SET topic = 'nobody counts' WHERE id = 3; UPDATE ingot.topics SET events = events - 1 WHERE topic = 'frequent'", []string{topics}},
		"a topic without an event":   {"INSERT INTO ingot.topics VALUES ('nobody sent', 1)", []string{topics}},
		"a count is wrong":           {"UPDATE ingot.topics SET events = events + 1 WHERE topic = 'rare'", []string{topics}},
		"a topic is gone":            {"DELETE FROM ingot.topics WHERE topic = 'rare'", []string{topics}},
		"a batch's count is wrong":   {`UPDATE ingot.batches SET topics = '{"rare": 77}' WHERE commit_seq = 7`, []string{adds}},
		"a batch counts nothing":     {`UPDATE ingot.batches SET topics = '{}' WHERE commit_seq = 7`, []string{adds}},
		"a fold that was none":       {"UPDATE ingot.batches SET folded = true WHERE commit_seq = 20", []string{topics}},
		"a total is wrong":           {"UPDATE ingot.batches SET total_stored = total_stored + 1 WHERE commit_seq = 4", []string{totals}},
		"a total received is wrong":  {"UPDATE ingot.batches SET total_received = total_received + 1 WHERE commit_seq = 20", []string{totals}},
		"all totals are wrong":       {"UPDATE ingot.batches SET total_stored = total_stored + 1, stored = stored + 1, received = received + 1, total_received = total_received + 1, last_id = last_id + 1 WHERE commit_seq = 20", []string{lies, number, adds}},
		"received is wrong":          {"UPDATE ingot.batches SET received = received + 1, total_received = total_received + 1 WHERE commit_seq = 20", []string{received}},
		"more stored than received":  {"UPDATE ingot.batches SET received = stored - 1, total_received = total_received - received + stored - 1, last_id = first_id + stored - 2 WHERE commit_seq = 20", []string{received, lies}},
		"a last id is wrong":         {"UPDATE ingot.batches SET last_id = last_id + 1 WHERE commit_seq = 20", []string{received}},
		"two batches share the ids":  {"UPDATE ingot.batches SET first_id = first_id - 1, received = received + 1 WHERE commit_seq = 3", []string{totals, shared, lies}},
		"two batches share one id":   {"UPDATE ingot.batches SET last_id = last_id + 1, received = received + 1, total_received = total_received + 1 WHERE commit_seq = 2", []string{totals, shared}},
	} {
		for _, what := range c.seen {
			seen[what] = true
		}
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.Database(t)
			filled(t, url, 20)
			if v := postgrestest.CheckLog(t, url); v.Events == 0 || v.Batches != 20 {
				t.Errorf("%+v", v)
			}
			pgtest.Exec(t, pgtest.Client(t, url), c.sql)
			v, err := postgres.Verify(t.Context(), url)
			var broken []string
			for _, how := range v.Broken {
				what, _, _ := strings.Cut(how, ": ")
				broken = append(broken, what)
			}
			if err != nil || !slices.Equal(broken, c.seen) {
				t.Errorf("seen are %q %v, want %q", v.Broken, err, c.seen)
			}
		})
	}
	for _, what := range postgres.Invariants() {
		if !seen[what] {
			t.Errorf("nothing here breaks %q", what)
		}
	}
}

// TestVerificationIsOfOneMoment: what is committed while it counts is in none of its counts.
func TestVerificationIsOfOneMoment(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	storetest.Merge(t, newWriter(t, url, writer.PathAuto), "a", "b", "a")
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, "BEGIN; LOCK ingot.batches") // events are counted before
	var v postgres.Verification
	failed := make(chan error, 1)
	go func() { // ends with the lock, received below
		var err error
		v, err = postgres.Verify(context.Background(), url)
		failed <- err
	}()
	pgtest.WaitFor(t, pgtest.Client(t, url), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ingot.batches'::regclass", 1)
	pgtest.Exec(t, conn, `INSERT INTO ingot.events SELECT 'c', topic, last_id + 1, source, timestamp, received_at, payload FROM ingot.events, ingot.batches LIMIT 1;
		INSERT INTO ingot.batches SELECT commit_seq + 1, last_id + 1, last_id + 1, 1, 1, total_received + 1, total_stored + 1, instance, now(), 0, '{"t": 1}' FROM ingot.batches; COMMIT`)
	if err := <-failed; err != nil || v.Events != 2 || v.Batches != 1 || v.Received != 3 || v.Stored != 2 || len(v.Broken) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if v := postgrestest.CheckLog(t, url); v.Events != 3 || v.Batches != 2 {
		t.Errorf("afterwards: %+v", v)
	}
}

// TestVerificationInWords: what was received and not stored were duplicates, and what was stored and is not there was deleted.
func TestVerificationInWords(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]postgres.Verification{
		"events 7, batches 2, received 10, duplicates 3":                    {Events: 7, Batches: 2, Received: 10, Stored: 7},
		"events 5, batches 2, received 10, duplicates 3, no longer there 2": {Events: 5, Batches: 2, Received: 10, Stored: 7},
		"events 6, batches 2, received 10, duplicates 3, no longer there 1": {Events: 6, Batches: 2, Received: 10, Stored: 7},
		"events 0, batches 0, received 0, duplicates 0":                     {},
		"events 9, batches 2, received 10, duplicates 3":                    {Events: 9, Batches: 2, Received: 10, Stored: 7},
	} {
		if got := v.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestVerifyOfAnotherVersion says which versions meet: what is missing, or counted in another way, is no damage.
func TestVerifyOfAnotherVersion(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	for _, c := range []struct{ sql, told string }{
		{"INSERT INTO ingot.schema_version (version) VALUES (999); INSERT INTO ingot.topics VALUES ('nobody sent', 1)", "the database has schema version 999, but this ingest only supports"},
		{"UPDATE ingot.schema_version SET version = 5; ALTER TABLE ingot.batches DROP COLUMN topics", "the database has schema version 5"},
	} {
		pgtest.Exec(t, conn, c.sql)
		if v, err := postgres.Verify(t.Context(), url); err == nil || !strings.Contains(err.Error(), c.told) {
			t.Errorf("%s: %v, %v", c.sql, v.Broken, err)
		}
	}
}
