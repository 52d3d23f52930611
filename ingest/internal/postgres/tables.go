package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// tablesQuery lists changes that somebody has made to the tables and that may make an answer false, or change it:
//
//   - Without the unique keys nothing decides which events are new (the direct path would not notice), nor what
//     became of a batch in doubt.
//   - Keys do not count for the rows of a table that inherits from one of ours, but those are read as its own.
//   - If the sequence increments by less than a block, two connections give the same ids to their rows.
//   - A rule that rewrites what is written keeps ON CONFLICT from working, or rows out of the log; so does a trigger before
//     the rows of the log. Before the rows of events there may be one: the writer looks behind it (withheld.go).
//   - Another trigger or rule may do anything.
//   - An added constraint, a trigger or row security may refuse events: their requests are answered 422.
//   - An added column that requires a value refuses every event.
//   - A column of another type, or with another collation, stores something else than was sent (jsonb), or compares
//     keys in another way.
//   - Nobody has tested partitions, and what is on one of them is not looked at.
//   - Row security, if it applies to this role, may hide events from readers.
//
// What ReadDurability finds, unlogged tables, is not among them. The first column is true if the tables cannot be used
// at all. A restore creates the keys last, when all rows are there; readers of tables without keys would miss rows that
// are still to come.
const tablesQuery = `WITH tables AS (SELECT name, name::regclass::oid AS t FROM unnest(ARRAY['ingot.events', 'ingot.batches', 'ingot.topics']) AS name),
keys (name, columns) AS (VALUES ('ingot.events', ARRAY['event_id', 'topic']), ('ingot.batches', ARRAY['commit_seq']), ('ingot.batches', ARRAY['first_id']),
	('ingot.topics', ARRAY['topic']), ('ingot.subscriptions', ARRAY['name'])),
types (name, type) AS (VALUES ('event_id', 'text COLLATE "C"'), ('topic', 'text COLLATE "C"'), ('id', 'bigint'), ('source', 'text'),
	('timestamp', 'timestamp with time zone'), ('received_at', 'timestamp with time zone'), ('payload', 'json'))
SELECT true, format('%s has no valid unique key (%s): an unfinished or failed restore leaves tables without their keys', name, array_to_string(columns, ', ')) FROM keys WHERE NOT EXISTS (
	SELECT FROM pg_index AS i WHERE i.indrelid = name::regclass AND ` + Decides + ` = columns)
UNION ALL SELECT true, format('%s inherits from %s, whose keys do not count for its rows: ALTER TABLE %1$s NO INHERIT %2$s', inhrelid::regclass, name)
	FROM pg_inherits JOIN tables ON inhparent = t JOIN pg_class AS c ON c.oid = t AND relkind = 'r'
UNION ALL SELECT true, format('the sequence ingot.id_blocks has INCREMENT %s: two batches could get the same ids (schema.sql has its definition)', seqincrement)
	FROM pg_sequence WHERE seqrelid = to_regclass('ingot.id_blocks') AND seqincrement < 65536
UNION ALL SELECT true, format('the rule %s on %s keeps rows out: DROP RULE %1$I ON %2$s', rulename, name)
	FROM pg_rewrite, tables WHERE ev_class = t AND ev_type IN ('2', '3') AND ev_enabled <> 'D'
UNION ALL SELECT true, format('the trigger %s on %s may keep rows out: DROP TRIGGER %1$I ON %2$s', tgname, name)
	FROM pg_trigger, tables WHERE tgrelid = t AND name = 'ingot.batches' AND ` + BeforeInsert + `
UNION ALL SELECT false, 'no valid index events_slices' WHERE NOT EXISTS (
	SELECT FROM pg_index WHERE indrelid = 'ingot.events'::regclass AND indexrelid = to_regclass('ingot.events_slices') AND indisvalid)
UNION ALL SELECT false, 'trigger ' || tgname || ' on ' || name FROM pg_trigger, tables WHERE tgrelid = t AND NOT tgisinternal AND tgenabled <> 'D'
UNION ALL SELECT false, 'rule ' || rulename || ' on ' || name FROM pg_rewrite, tables WHERE ev_class = t
UNION ALL SELECT false, 'constraint ' || conname || ' on ' || name FROM pg_constraint, tables WHERE conrelid = t AND contype IN ('c', 'f', 'u', 'x')
	AND conname <> 'batches_first_id_key'
UNION ALL SELECT false, 'unique index ' || relname || ' on ' || name FROM pg_index, pg_class AS c, tables WHERE indrelid = t AND indexrelid = c.oid AND indisunique
	AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL SELECT false, 'column ' || attname || ' of ' || name || ' requires a value' FROM pg_attribute, tables WHERE attrelid = t AND attnum > 0 AND attnotnull AND NOT atthasdef
	AND attidentity = '' AND NOT attisdropped AND name = 'ingot.events' AND attname NOT IN ('event_id', 'topic', 'id', 'source', 'timestamp', 'received_at', 'payload')
UNION ALL SELECT false, format('column %s of ingot.events is %s, not %s', name, found, type) FROM types, LATERAL (
	SELECT format_type(atttypid, atttypmod) || coalesce(' COLLATE "' || nullif(collname, 'default') || '"', '') AS found
	FROM pg_attribute LEFT JOIN pg_collation AS c ON c.oid = attcollation WHERE attrelid = 'ingot.events'::regclass AND attname = name) AS columns WHERE found <> type
UNION ALL SELECT false, name || ' is partitioned' FROM pg_class AS c, tables WHERE c.oid = t AND relkind = 'p'
UNION ALL SELECT false, 'row security on ' || name FROM tables WHERE row_security_active(t)
ORDER BY 2`

// Decides picks, of pg_index AS i, the unique indexes that decide at once whether a row is new, and compares the names of their
// columns: an array has to follow.
const Decides = `i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
	AND ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indexrelid ORDER BY attnum)`

// BeforeInsert picks, of pg_trigger, the triggers that are asked before each row that is inserted, and may keep it out
// (TRIGGER_TYPE_ROW, _BEFORE and _INSERT, which are 1, 2 and 4).
const BeforeInsert = "tgtype & 7 = 7 AND tgenabled <> 'D'"

// ReadTables refuses tables that cannot keep the promise, and returns the changes that might break it.
func ReadTables(ctx context.Context, conn *pgconn.PgConn) (changed []string, err error) {
	results, err := conn.Exec(ctx, tablesQuery).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	for _, row := range results[0].Rows {
		if string(row[0]) == "t" {
			return nil, fmt.Errorf("the tables cannot be used: %s", row[1])
		}
		changed = append(changed, string(row[1]))
	}
	return changed, nil
}
