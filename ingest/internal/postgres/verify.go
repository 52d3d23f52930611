package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot"
)

// invariant is a claim about the tables that no crash may break. Its query counts what contradicts the claim.
type invariant struct{ what, query string }

// A void row has no ids. If a failover has lost the draw of a block, it may stand between the ids of a batch of another
// instance, which has drawn the block again.
var invariants = []invariant{
	{
		"commit_seq has no gaps",
		`SELECT count(*) FROM (SELECT commit_seq - lag(commit_seq) OVER (ORDER BY commit_seq) AS step FROM ingot.batches) AS b WHERE step <> 1`,
	},
	{
		"the log's totals add up",
		`SELECT count(*) FROM (SELECT total_received - lag(total_received) OVER w - received AS r, total_stored - lag(total_stored) OVER w - stored AS s
			FROM ingot.batches WINDOW w AS (ORDER BY commit_seq)) AS b WHERE r <> 0 OR s <> 0`,
	},
	{
		"a batch received as many events as it has ids",
		`SELECT count(*) FROM ingot.batches WHERE received <> last_id - first_id + 1 OR stored > received`,
	},
	{
		"no two batches share an id",
		`SELECT count(*) FROM (SELECT last_id >= lead(first_id) OVER (ORDER BY first_id) AS overlap FROM ingot.batches WHERE received > 0) AS b WHERE overlap`,
	},
	{
		"every event belongs to a batch and has an id of its own, and each batch has as many events as it stored",
		`SELECT count(*) FROM (
			SELECT b.first_id, b.stored, count(e.id) AS n, count(DISTINCT e.id) AS ids
			FROM (SELECT first_id, last_id, stored FROM ingot.batches) AS b
			FULL JOIN ingot.events AS e ON b.first_id = (SELECT max(l.first_id) FROM ingot.batches AS l WHERE l.first_id <= e.id AND l.received > 0) AND e.id <= b.last_id
			GROUP BY b.first_id, b.stored) AS x WHERE stored IS DISTINCT FROM n OR ids <> n`,
	},
	{
		"the log's last total, less the events that are older than the log, is the number of events",
		`SELECT abs(coalesce((SELECT total_stored FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1), 0)
			- coalesce((SELECT total_stored - stored FROM ingot.batches ORDER BY commit_seq LIMIT 1), 0) - (SELECT count(*) FROM ingot.events))`,
	},
	{
		"the topics' counts match the events",
		`SELECT count(*) FROM (SELECT topic, sum(events) AS events FROM (` + TopicCounts + `) AS c GROUP BY topic) AS t
			FULL JOIN (SELECT topic, count(*) AS n FROM ingot.events GROUP BY topic) AS e USING (topic) WHERE events IS DISTINCT FROM n`,
	},
	{
		"a batch's topics add up to what it stored",
		`SELECT count(*) FROM ingot.batches WHERE topics IS NOT NULL
			AND stored IS DISTINCT FROM (SELECT sum(value::bigint) FROM json_each_text(topics))`,
	},
}

// Verification is what Verify found.
type Verification struct {
	Events, Batches  int64    // now in the tables
	Received, Stored int64    // since the beginning, deleted ones included
	Broken           []string // invariants that do not hold, and how often
}

// String tells the counts. Events that were stored and are not there any more were deleted by retention.
func (v Verification) String() string {
	text := fmt.Sprintf("events %d, batches %d, received %d, duplicates %d", v.Events, v.Batches, v.Received, v.Received-v.Stored)
	if n := v.Stored - v.Events; n > 0 {
		text += fmt.Sprintf(", no longer there %d", n)
	}
	return text
}

// Verify counts the rows of the tables and compares the tables with each other, in one snapshot. It reads
// everything: that takes minutes on a large database.
func Verify(ctx context.Context, url string) (Verification, error) {
	conn, err := Connect(ctx, url, "SET statement_timeout = 0; SET jit = off; SET work_mem = '64MB'", unansweredDefault, nil)
	if err != nil {
		return Verification{}, err
	}
	defer Discard(conn)
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return Verification{}, explainRights(err)
	}
	if version == 0 {
		return Verification{}, errors.New("no Ingot server has ever written to this database")
	}
	if err := refuseNewer(version); err != nil {
		return Verification{}, err
	}
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").ReadAll(); err != nil {
		return Verification{}, fmt.Errorf("begin: %w", err)
	}
	var v Verification
	if err := v.count(ctx, conn); err != nil {
		return v, err
	}
	err = v.check(ctx, conn)
	if err != nil && version < ingot.SchemaVersion {
		return v, fmt.Errorf("%w: the database has schema version %d, older than this ingest's: start this ingest once, which brings it up to date, or check it with the older one", err, version)
	}
	return v, err
}

// count fills in what the tables hold.
func (v *Verification) count(ctx context.Context, conn *pgconn.PgConn) (err error) {
	for _, c := range []struct {
		into  *int64
		query string
	}{
		{&v.Events, "SELECT count(*) FROM ingot.events"},
		{&v.Batches, "SELECT count(*) FROM ingot.batches"},
		{&v.Received, "SELECT coalesce(max(total_received), 0) FROM ingot.batches"},
		{&v.Stored, "SELECT coalesce(max(total_stored), 0) FROM ingot.batches"},
	} {
		if *c.into, err = QueryNumber(ctx, conn, c.query); err != nil {
			return fmt.Errorf("count the tables: %w", err)
		}
	}
	return nil
}

// check notes which invariants do not hold.
func (v *Verification) check(ctx context.Context, conn *pgconn.PgConn) error {
	for _, i := range invariants {
		n, err := QueryNumber(ctx, conn, i.query)
		if err != nil {
			return fmt.Errorf("%s: %w", i.what, err)
		}
		if n != 0 {
			v.Broken = append(v.Broken, fmt.Sprintf("%s: broken %d times", i.what, n))
		}
	}
	if _, err := ReadTables(ctx, conn); err != nil {
		v.Broken = append(v.Broken, err.Error())
	}
	return nil
}
