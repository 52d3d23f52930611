package postgres

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"ingot"
	"ingot/bench/internal/mix"
	"ingot/internal/pgtest"
)

// empty is a database with the tables, and what rows for it are made with.
func empty(t *testing.T) (url string, e *mix.Encoder) {
	t.Helper()
	url = pgtest.New(t)
	if err := Exec(t.Context(), url, ingot.Schema); err != nil {
		t.Fatal(err)
	}
	e, err := mix.NewEncoder(mix.Mix{})
	if err != nil {
		t.Fatal(err)
	}
	return url, e
}

// TestFillGoesOnWhereItWasCut loads two chunks, then the rest: ids and events keep
// in step, and each batch says where its rows stand.
func TestFillGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	url, e := empty(t)
	for _, rows := range []int{fillChunk, fillChunk, fillChunk + 1000} {
		if err := Fill(t.Context(), url, e, rows, func(int) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := ReadOnce(t.Context(), url); err != nil {
		t.Error(err)
	}
	if n, err := Rows(t.Context(), url); n != fillChunk+1000 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	counts := map[string]int{}
	for name, sql := range map[string]string{
		"events":  "SELECT count(*)::int FROM ingot.events",
		"batches": "SELECT count(*)::int FROM ingot.batches",
		"topics":  "SELECT sum(events)::int FROM ingot.topics",
		"log":     "SELECT max(total_stored)::int FROM ingot.batches",
		"end":     "SELECT (heap_blocks - pg_relation_size('ingot.events') / 8192)::int FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1",
		// Rows of a size that fits fill holes of older pages: one or two in a thousand.
		"lost": `SELECT count(*)::int / 1000 FROM ingot.events AS e JOIN ingot.batches AS b ON e.id BETWEEN b.first_id AND b.last_id
			WHERE e.ctid >= ('(' || b.heap_blocks || ',0)')::tid OR e.ctid < ('(' || greatest(b.heap_blocks - 32 - b.stored / 4, 0) || ',0)')::tid`,
	} {
		n, err := query[int](t.Context(), url, sql)
		if err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	want := map[string]int{"events": fillChunk + 1000, "batches": fillChunk/fillBatch + 4, "end": 0, "lost": 0, "topics": fillChunk + 1000, "log": fillChunk + 1000}
	if !maps.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

// TestPourGoesOnWhereAFillEnded: what it writes is new, and in the log, and what an ingester has not folded yet still counts.
func TestPourGoesOnWhereAFillEnded(t *testing.T) {
	t.Parallel()
	url, e := empty(t)
	if err := Fill(t.Context(), url, e, 1000, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if err := Exec(t.Context(), url, `UPDATE ingot.topics SET events = events - 7 WHERE topic = (SELECT min(topic) FROM ingot.topics);
		UPDATE ingot.batches SET topics = '{"not folded yet": 7}', folded = false WHERE commit_seq = (SELECT max(commit_seq) FROM ingot.batches)`); err != nil {
		t.Fatal(err)
	}
	rows, took, err := Pour(t.Context(), url, e, 1400, time.Nanosecond)
	if err != nil || rows != fillChunk || took <= 0 {
		t.Fatalf("%d rows in %v, %v", rows, took, err)
	}
	for what, sql := range map[string]string{
		"events": "SELECT count(*)::int FROM ingot.events",
		"log":    "SELECT max(total_stored)::int FROM ingot.batches",
		"topics": `SELECT ((SELECT sum(events) FROM ingot.topics) + (SELECT coalesce(sum(value::bigint), 0) FROM ingot.batches, json_each_text(topics)
			WHERE commit_seq > (SELECT max(commit_seq) FROM ingot.batches WHERE folded)))::int`,
		"ids": "SELECT count(*)::int FROM ingot.events AS e JOIN ingot.batches AS b ON e.id BETWEEN b.first_id AND b.last_id",
	} {
		if n, err := query[int](t.Context(), url, sql); n != fillChunk+1000 || err != nil {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
}

// TestLastID: of an empty log it is 0, then the highest of all batches, whichever came last.
func TestLastID(t *testing.T) {
	t.Parallel()
	url, _ := empty(t)
	for _, c := range []struct {
		sql  string
		want int
	}{
		{"", 0},
		{"INSERT INTO ingot.batches SELECT n, 100 * n, 100 * n + 9, 10, 10, 10 * n, 10 * n, gen_random_uuid(), now() FROM generate_series(1, 5) AS n", 509},
		{"INSERT INTO ingot.batches SELECT 6, 7, 9, 3, 3, 53, 53, gen_random_uuid(), now()", 509},
	} {
		if err := Exec(t.Context(), url, c.sql); err != nil {
			t.Fatal(err)
		}
		if got, err := LastID(t.Context(), url); got != c.want || err != nil {
			t.Errorf("%d, want %d: %v", got, c.want, err)
		}
	}
}

func TestDatabasesComeAndGo(t *testing.T) {
	t.Parallel()
	c := Cluster{admin: pgtest.New(t)}
	for range 2 { // the second takes the place of the first
		if err := errors.Join(c.Create(t.Context(), "bench_test_first"), Exec(t.Context(), c.URL("bench_test_first"), ingot.Schema)); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := c.Exists(t.Context(), "bench_test_first"); !there || err != nil {
		t.Errorf("after Create: %v, %v", there, err)
	}
	if err := errors.Join(c.Copy(t.Context(), "bench_test_copy", "bench_test_first"), c.CreateMissing(t.Context(), "bench_test_copy")); err != nil {
		t.Fatal(err)
	}
	if n, err := Rows(t.Context(), c.URL("bench_test_copy")); n != 0 || err != nil {
		t.Errorf("the copy: %d rows, %v", n, err)
	}
	if n, err := c.PageImages(t.Context()); n < 0 || err != nil {
		t.Errorf("%d page images, %v", n, err)
	}
	if err := errors.Join(c.Drop(t.Context(), "bench_test_copy"), c.Drop(t.Context(), "bench_test_first")); err != nil {
		t.Fatal(err)
	}
	if there, err := c.Exists(t.Context(), "bench_test_first"); there || err != nil {
		t.Errorf("after Drop: %v, %v", there, err)
	}
}

// TestAPostgresThatSaysNothing is not waited for without end: it takes connections, and no more.
func TestAPostgresThatSaysNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := OpenCluster(ctx, "", "postgres://"+l.Addr().String()+"/none"); err == nil || !strings.Contains(err.Error(), "--database-url does not answer") {
		t.Errorf("a Postgres that says nothing: %v", err)
	}
}
