package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// minVersion is the oldest Postgres that is accepted, as in PG_VERSION.
const minVersion = 15

// ErrStandby is in the error of Open if the server is a standby, or has not come to the end of its recovery.
var ErrStandby = errors.New("the server is a standby in recovery; point DATABASE_URL at the primary")

// Durability is what the server promises about a commit: its settings as it reports them, such as "on" or "off". What stands before
// Fsync says of the server and the connection who they are, and is no part of the promise, nor of its JSON in the log.
type Durability struct {
	ServerVersion     string `json:"-"`
	Encrypted         bool   `json:"-"` // the connection is
	Exposed           bool   `json:"-"` // it is not, and leaves this machine
	Fsync             string
	FullPageWrites    string
	SynchronousCommit string // the server's default; batches never commit with less than "on"
	SynchronousNames  string // synchronous_standby_names
	Unlogged          string // tables that are empty after a crash, with commas between them; "" if there are none
}

// Safe tells whether a commit survives a crash of the server's machine, as far as the server's settings, and the tables, show that.
func (d Durability) Safe() bool {
	return d.Fsync == "on" && d.FullPageWrites == "on" && d.SynchronousCommit != "off" && d.Unlogged == ""
}

// durabilityQuery asks for the synchronous_commit that the session began with (reset_val), because the session that
// writes changes it.
const durabilityQuery = `SELECT current_setting('server_version'), current_setting('server_version_num'),
	current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),
	(SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'), current_setting('synchronous_standby_names'), pg_is_in_recovery()::text,
	(SELECT string_agg('ingot.' || relname, ', ' ORDER BY relname) FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace AND nspname = 'ingot'
		WHERE relname IN ('events', 'batches', 'topics', 'subscriptions') AND relpersistence <> 'p')`

// ReadDurability asks the server what it promises. It refuses a server that cannot hold events at all: one that is
// too old, not UTF-8, or no primary.
func ReadDurability(ctx context.Context, conn *pgconn.PgConn) (Durability, error) {
	results, err := conn.Exec(ctx, durabilityQuery).ReadAll()
	if err != nil {
		return Durability{}, fmt.Errorf("read durability settings: %w", err)
	}
	row := results[0].Rows[0]
	d := Durability{
		ServerVersion: string(row[0]), Fsync: string(row[3]), FullPageWrites: string(row[4]),
		SynchronousCommit: string(row[5]), SynchronousNames: string(row[6]), Unlogged: string(row[8]),
	}
	d.Encrypted, d.Exposed = encryption(conn.Conn())
	number, _ := strconv.Atoi(string(row[1]))
	switch encoding := string(row[2]); {
	case number/10000 < minVersion:
		return d, fmt.Errorf("the server is Postgres %s; %d or newer is needed", d.ServerVersion, minVersion)
	case encoding != "UTF8":
		return d, fmt.Errorf("the database's encoding is %s; create one with ENCODING 'UTF8'", encoding)
	case string(row[7]) == "true":
		return d, ErrStandby
	}
	return d, nil
}
