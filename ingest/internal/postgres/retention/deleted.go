package retention

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
)

// deleted has how many events of each topic were deleted.
type deleted map[string]int64

// deleteEvents deletes the events of batches. The index finds the rows of the slices; rows of other batches among them
// stay. The ranges of ids are parsed in a subquery, so that thousands of them are parsed only once, in a millisecond,
// and not for each row.
func deleteEvents(ctx context.Context, conn *pgx.Conn, batches []oldBatch) (deleted, error) {
	d := deleted{}
	var slices []int64
	ids := []byte{'{'}
	for _, b := range batches {
		if b.stored == 0 {
			continue
		}
		for slice := postgres.SliceOf(b.first); slice <= postgres.SliceOf(b.last); slice++ {
			slices = append(slices, slice)
		}
		ids = fmt.Appendf(ids, "[%d,%d],", b.first, b.last)
	}
	if len(slices) == 0 {
		return d, nil
	}
	ids[len(ids)-1] = '}'
	rows, err := conn.Query(ctx, `WITH gone AS (DELETE FROM ingot.events WHERE `+postgres.RowKeys+` && ARRAY(SELECT DISTINCT unnest($1::bigint[])) AND id <@ (SELECT $2::text::int8multirange) RETURNING topic)
		SELECT topic, count(*) FROM gone GROUP BY topic`, slices, string(ids))
	if err != nil {
		return d, err
	}
	var topic string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&topic, &n}, func() error {
		d[topic] = n
		return nil
	})
	return d, err
}

// takeOffQuery subtracts the deleted events, given as JSON in hex, from the topics' counts. It does so under the log's
// lock, which folds hold as well: they lock the same rows in another order.
const takeOffQuery = `SELECT pg_advisory_xact_lock(%[1]d);
UPDATE ingot.topics AS t SET events = t.events - d.value::bigint
	FROM json_each_text(convert_from(decode('%[2]x', 'hex'), 'UTF8')::json) AS d WHERE t.topic = d.key;
DELETE FROM ingot.topics AS t
	USING json_each_text(convert_from(decode('%[2]x', 'hex'), 'UTF8')::json) AS d WHERE t.topic = d.key AND t.events <= 0;
`

// commit ends the step. As in a batch (writer/query.go) the log's lock is taken in one Query with the COMMIT: a pruner
// that hung between the two would make all ingesters wait.
func (d deleted) commit(ctx context.Context, conn *pgx.Conn) error {
	query := "COMMIT"
	if len(d) > 0 {
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		query = fmt.Sprintf(takeOffQuery, postgres.LogLock, text) + query
	}
	results, err := conn.PgConn().Exec(ctx, query).ReadAll()
	if err != nil {
		return err
	}
	if tag := results[len(results)-1].CommandTag.String(); tag != "COMMIT" {
		return fmt.Errorf("COMMIT answered %s", tag)
	}
	return nil
}
