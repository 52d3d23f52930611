package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// tablesQuery lists what somebody has done to the tables that may make an answer untrue, or another one:
//
//   - Without their unique keys nothing decides which events are new (the direct path would not notice), nor what
//     became of a batch in doubt.
//   - A trigger or a rule may keep rows out without an error.
//   - A constraint beside ours, a trigger or row security may refuse events: their requests are answered 422.
//   - An added column that wants a value refuses every event.
//   - An unlogged table is empty after a crash.
//   - Row security, if it holds for this role, may hide events from readers.
//
// The first column is true where the tables cannot be worked with at all. A restore makes the keys last, when all
// rows are there; readers of tables without keys would pass over rows that are still to come.
const tablesQuery = `WITH tables AS (SELECT name, name::regclass::oid AS t FROM unnest(ARRAY['ingot.events', 'ingot.batches', 'ingot.topics']) AS name),
keys (name, columns) AS (VALUES ('ingot.events', ARRAY['event_id', 'topic']), ('ingot.batches', ARRAY['commit_seq']), ('ingot.batches', ARRAY['first_id']),
	('ingot.topics', ARRAY['topic']), ('ingot.subscriptions', ARRAY['name']))
SELECT true, format('%s has no valid unique key (%s)', name, array_to_string(columns, ', ')) FROM keys WHERE NOT EXISTS (
	SELECT FROM pg_index AS i WHERE i.indrelid = name::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
	AND ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indexrelid ORDER BY attnum) = columns)
UNION ALL SELECT false, 'no valid index events_slices' WHERE NOT EXISTS (
	SELECT FROM pg_index WHERE indrelid = 'ingot.events'::regclass AND indexrelid = to_regclass('ingot.events_slices') AND indisvalid)
UNION ALL SELECT false, 'trigger ' || tgname || ' on ' || name FROM pg_trigger, tables WHERE tgrelid = t AND NOT tgisinternal AND tgenabled <> 'D'
UNION ALL SELECT false, 'rule ' || rulename || ' on ' || name FROM pg_rewrite, tables WHERE ev_class = t
UNION ALL SELECT false, 'constraint ' || conname || ' on ' || name FROM pg_constraint, tables WHERE conrelid = t AND contype IN ('c', 'f', 'u', 'x')
	AND conname <> 'batches_first_id_key'
UNION ALL SELECT false, 'unique index ' || relname || ' on ' || name FROM pg_index, pg_class AS c, tables WHERE indrelid = t AND indexrelid = c.oid AND indisunique
	AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL SELECT false, 'column ' || attname || ' of ' || name || ' wants a value' FROM pg_attribute, tables WHERE attrelid = t AND attnum > 0 AND attnotnull AND NOT atthasdef
	AND attidentity = '' AND NOT attisdropped AND name = 'ingot.events' AND attname NOT IN ('event_id', 'topic', 'id', 'source', 'timestamp', 'received_at', 'payload')
UNION ALL SELECT false, name || ' is unlogged' FROM pg_class, tables WHERE oid = t AND relpersistence <> 'p'
UNION ALL SELECT false, 'row security on ' || name FROM tables WHERE row_security_active(t)
ORDER BY 1 DESC, 2`

// ReadTables refuses tables that cannot keep the promise, and returns the changes that might break it.
func ReadTables(ctx context.Context, conn *pgconn.PgConn) (changed []string, err error) {
	results, err := conn.Exec(ctx, tablesQuery).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	for _, row := range results[0].Rows {
		if string(row[0]) == "t" {
			return nil, fmt.Errorf("%s: a restore that is not done, or has failed, leaves tables without their keys", row[1])
		}
		changed = append(changed, string(row[1]))
	}
	return changed, nil
}
