package writer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/pgtest"
)

// TestPlans: the statements of a batch use their indexes whatever the size of the
// tables, and JIT stays off.
func TestPlans(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	for _, rows := range []int{0, 50_000} {
		if rows > 0 {
			pgtest.Exec(t, pgtest.Client(t, url), `INSERT INTO ingot.batches SELECT n + 1000, n + 1e9, n + 1e9, 1, 1, n, n, gen_random_uuid(), now() FROM generate_series(1, $1::int) AS n`, rows)
			pgtest.Exec(t, pgtest.Client(t, url), `INSERT INTO ingot.topics SELECT n, 1 FROM generate_series(1, $1::int) AS n`, rows)
		}
		for name, sql := range map[string]string{
			"log":  "EXPLAIN EXECUTE " + w.session.logName + " (1, 1, 1, NULL, false)",
			"fold": "EXPLAIN EXECUTE ingot_fold (NULL)",
		} {
			results, err := w.session.conn.Exec(t.Context(), sql).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			plan := ""
			for _, line := range results[0].Rows {
				plan += string(line[0]) + "\n"
			}
			if strings.Contains(plan, "Seq Scan on batches") || strings.Contains(plan, "Seq Scan on topics") || strings.Contains(plan, "JIT") {
				t.Errorf("%s with %d rows:\n%s", name, rows, plan)
			}
			if name == "log" && !strings.Contains(plan, "Index Scan Backward using batches_pkey") {
				t.Errorf("%s with %d rows:\n%s", name, rows, plan)
			}
		}
	}
}

// TestLookUpPlan: known keys are found by the primary key on an empty, a fresh and
// a large table, where an index that somebody has made would read whole topics.
func TestLookUpPlan(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn := newWriter(t, url), pgtest.Client(t, url)
	pgtest.Exec(t, conn, `CREATE INDEX ON ingot.events (topic, id)`)
	storetest.Merge(t, w, "a")
	ids := make([]string, 900)
	for i := range ids {
		ids[i] = fmt.Sprint(i * 7)
	}
	topics := slices.Repeat([]string{"t"}, len(ids))
	inArrays := strings.NewReplacer("$1", "'{"+strings.Join(ids, ",")+"}'", "$2", "'{"+strings.Join(topics, ",")+"}'")
	inHex := strings.NewReplacer("$1", fmt.Sprintf("'%x'", strings.Join(ids, "\n")), "$2", fmt.Sprintf("'%x'", strings.Join(topics, "\n")))
	for _, size := range []string{"one row", "20,000 rows without statistics", "20,000 rows with statistics"} {
		switch size {
		case "20,000 rows without statistics":
			pgtest.Exec(t, conn, `ALTER TABLE ingot.events SET (autovacuum_enabled = off)`)
			pgtest.Exec(t, conn, `INSERT INTO ingot.events SELECT n::text, 't', n + 1e6, 's', now(), now(), '1' FROM generate_series(1, 20000) AS n`)
		case "20,000 rows with statistics":
			pgtest.Exec(t, conn, `ANALYZE ingot.events`)
		}
		for _, query := range []string{inArrays.Replace(lookUpQuery), inHex.Replace(checkQuery)} {
			checkLookUpPlan(t, w, size, query)
		}
	}
}

func checkLookUpPlan(t *testing.T, w *Writer, size, query string) {
	t.Helper()
	results, err := w.session.conn.Exec(t.Context(), "EXPLAIN "+query).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	plan := ""
	for _, line := range results[0].Rows {
		plan += string(line[0]) + "\n"
	}
	if size != "one row" && !strings.Contains(plan, "using events_pkey") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Hash") || strings.Contains(plan, "JIT") {
		t.Errorf("%s:\n%s", size, plan)
	}
}
