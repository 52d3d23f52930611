package postgres_test

import (
	"strings"
	"testing"

	"ingot/ingest/internal/postgres"
	"ingot/internal/pgtest"
)

// TestVerifySeesEveryLie breaks each invariant in turn.
func TestVerifySeesEveryLie(t *testing.T) {
	t.Parallel()
	if v := checkLog(t, postgres.Database(t)); v.Events != 0 || v.Batches != 0 {
		t.Errorf("an empty database: %+v", v)
	}
	if _, err := postgres.Verify(t.Context(), pgtest.New(t)); err == nil || !strings.Contains(err.Error(), "no Ingot") {
		t.Errorf("a database without the schema: %v", err)
	}
	for lie, sql := range map[string]string{
		"a batch is gone":           "DELETE FROM ingot.batches WHERE commit_seq = 5",
		"an event is gone":          "DELETE FROM ingot.events WHERE id = 3",
		"an event too many":         "INSERT INTO ingot.events SELECT 'x', topic, 999, source, timestamp, received_at, payload FROM ingot.events LIMIT 1",
		"a count is wrong":          "UPDATE ingot.topics SET events = events + 1 WHERE topic = 'rare'",
		"a topic is gone":           "DELETE FROM ingot.topics WHERE topic = 'rare'",
		"a batch's count is wrong":  `UPDATE ingot.batches SET topics = '{"rare": 77}' WHERE commit_seq = 7`,
		"a fold that was none":      "UPDATE ingot.batches SET folded = true WHERE commit_seq = 20",
		"a total is wrong":          "UPDATE ingot.batches SET total_stored = total_stored + 1 WHERE commit_seq = 4",
		"received is wrong":         "UPDATE ingot.batches SET received = received + 1, total_received = total_received + 1 WHERE commit_seq = 20",
		"an event moved":            "UPDATE ingot.events SET id = (SELECT first_id FROM ingot.batches WHERE commit_seq = 1) - 1 WHERE id = (SELECT max(id) FROM ingot.events)",
		"two batches share the ids": "UPDATE ingot.batches SET first_id = first_id - 1, received = received + 1 WHERE commit_seq = 3",
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			url := postgres.Database(t)
			filled(t, url, 20)
			if v := checkLog(t, url); v.Events == 0 || v.Batches != 20 {
				t.Errorf("%+v", v)
			}
			pgtest.Exec(t, pgtest.Client(t, url), sql)
			v, err := postgres.Verify(t.Context(), url)
			if err != nil || len(v.Broken) == 0 {
				t.Errorf("not seen: %+v %v", v, err)
			}
		})
	}
}
