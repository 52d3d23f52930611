package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// tablesQuery lists what somebody has done to the tables by which an answer may not be true:
// without the primary key nothing decides what is new (the direct path would not notice), a
// trigger or a rule may keep rows out without an error, and an unlogged table is empty after a crash.
// The first column tells what cannot be worked with at all.
const tablesQuery = `WITH tables AS (SELECT name, name::regclass::oid AS t FROM unnest(ARRAY['ingot.events', 'ingot.batches', 'ingot.topics']) AS name)
SELECT true, 'ingot.events has no valid primary key (event_id, topic)' WHERE NOT EXISTS (
	SELECT FROM pg_index AS i WHERE i.indrelid = 'ingot.events'::regclass AND i.indisprimary AND i.indisvalid AND i.indimmediate
	AND ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indexrelid ORDER BY attnum) = ARRAY['event_id', 'topic'])
UNION ALL SELECT false, 'trigger ' || tgname || ' on ' || name FROM pg_trigger, tables WHERE tgrelid = t AND NOT tgisinternal AND tgenabled <> 'D'
UNION ALL SELECT false, 'rule ' || rulename || ' on ' || name FROM pg_rewrite, tables WHERE ev_class = t
UNION ALL SELECT false, name || ' is unlogged' FROM pg_class, tables WHERE oid = t AND relpersistence <> 'p'
ORDER BY 1, 2`

// readTables refuses tables that cannot hold the promise, and returns what might break it.
func readTables(ctx context.Context, conn *pgconn.PgConn) (changed []string, err error) {
	results, err := conn.Exec(ctx, tablesQuery).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	for _, row := range results[0].Rows {
		if string(row[0]) == "t" {
			return nil, fmt.Errorf("%s: nothing else can tell what is new", row[1])
		}
		changed = append(changed, string(row[1]))
	}
	return changed, nil
}
