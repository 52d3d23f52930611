package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot"
)

// migrations bring a database from an older version to ingot.SchemaVersion:
// 002_what.sql leads from version 1 to 2, and so on. They are forward only and
// never changed once released.
//
//go:embed migrations
var migrations embed.FS

// migrationWait bounds one wait for migrationLock, and one wait for a table that another transaction holds. While a
// migration waits for a table, everybody who writes to that table waits behind it; between two tries they go on.
// NotUpYet recognizes both timeouts, so that callers can wait longer: a migration of a large table takes minutes, a
// backup longer.
const migrationWait = 5 * time.Second

// setupOpen lets statements take all the time they need, such as for an index on a large table. But a process that
// hangs between two statements of a migration holds migrationLock, which every start waits for: its session is ended
// after a minute, which is also how long the network may be silent (unansweredDefault).
const setupOpen = "SET client_min_messages = warning; SET lock_timeout = 0; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '1min'"

// Open brings the database at url to the newest schema, whoever starts first, and reports what the server promises
// about a commit. It refuses a pooler that moves sessions (ErrMovesSessions).
func Open(ctx context.Context, url string) (Durability, error) {
	return OpenTelling(ctx, url, func(int) {})
}

// OpenTelling does what Open does. Before it migrates a schema it says from which version: on a large database that takes
// minutes.
func OpenTelling(ctx context.Context, url string, migrating func(from int)) (Durability, error) {
	conn, err := connect(ctx, url, unansweredDefault, nil)
	if err != nil {
		return Durability{}, err
	}
	defer Discard(conn)
	durability, err := open(ctx, url, conn, migrating)
	if err != nil && conn.IsClosed() && SQLState(err) == "" {
		err = fmt.Errorf("%w: %w", errGone, err)
	}
	return durability, err
}

// open does what Open does, over a connection.
func open(ctx context.Context, url string, conn *pgconn.PgConn, migrating func(from int)) (Durability, error) {
	durability, err := firstAnswer(ctx, conn)
	if err != nil {
		return durability, err
	}
	if err := keepsSessions(ctx, url, conn); err != nil {
		return durability, err
	}
	for range migrationTries {
		if err = migrate(ctx, conn, migrating); err == nil {
			_, err = ReadTables(ctx, conn)
			return durability, err
		}
		if !deadlocked(err) {
			return durability, ExplainReadOnly(explainRights(err))
		}
		if _, err := conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
			return durability, fmt.Errorf("roll back a migration: %w", err)
		}
	}
	return durability, err
}

// firstAnswer sets the session up and asks what the server promises. A pooler that has no server keeps whoever connects
// waiting, PgBouncer for two minutes: it gets no more time than connecting may take.
func firstAnswer(ctx context.Context, conn *pgconn.PgConn) (Durability, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := setUpSession(ctx, conn, setupOpen, unansweredDefault); err != nil {
		return Durability{}, err
	}
	return ReadDurability(ctx, conn)
}

// migrationTries bounds how often a migration is tried. A migration locks tables in another order than batches do, so
// it can deadlock with ingesters of an older version that write meanwhile. After each deadlock one of the two sides
// gets through. A guess.
const migrationTries = 20

// errNoSchema is in the error of the very first start if it cannot make the schema.
var errNoSchema = errors.New("create the schema ingot")

// errMigrate is in the error of a migration that a right is missing for, among others.
var errMigrate = errors.New("migrate")

func migrate(ctx context.Context, conn *pgconn.PgConn, migrating func(from int)) error {
	// It is all one transaction: a crash in the middle leaves the old version intact.
	begin := fmt.Sprintf(Begin+"; SET LOCAL lock_timeout = %d; SELECT pg_advisory_xact_lock(%d)", Milliseconds(migrationWait), migrationLock)
	if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
		if LockTimedOut(err) {
			return fmt.Errorf("another process has been migrating the schema for %s: %w", migrationWait, err)
		}
		return fmt.Errorf("lock for migration: %w", err)
	}
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if err := refuseNewer(version); err != nil {
		return err
	}
	script, err := scriptFrom(version, migrations)
	if err != nil {
		return err
	}
	if version != 0 && script != "" {
		migrating(version)
	}
	results, err := conn.Exec(ctx, script+"COMMIT").ReadAll()
	if err != nil && version == 0 {
		return fmt.Errorf("%w: %w", errNoSchema, err)
	}
	if LockTimedOut(err) {
		return fmt.Errorf("migrate from version %d to %d: another transaction has been blocking it for %s: %w", version, ingot.SchemaVersion, migrationWait, err)
	}
	if err != nil {
		return fmt.Errorf("%w from version %d to %d: %w", errMigrate, version, ingot.SchemaVersion, err)
	}
	if tag := results[len(results)-1].CommandTag.String(); tag != "COMMIT" {
		return fmt.Errorf("migrate from version %d to %d: COMMIT answered %s", version, ingot.SchemaVersion, tag)
	}
	return nil
}

// schemaVersion is 0 for a database without the schema.
func schemaVersion(ctx context.Context, conn *pgconn.PgConn) (int, error) {
	there, err := conn.Exec(ctx, "SELECT to_regnamespace('ingot') IS NOT NULL, to_regclass('ingot.schema_version') IS NOT NULL").ReadAll()
	if err != nil {
		return 0, fmt.Errorf("look for the schema: %w", err)
	}
	switch row := there[0].Rows[0]; {
	case string(row[0]) == "f":
		return 0, nil
	case string(row[1]) == "f":
		return 0, errors.New("the database has a schema called ingot that is not Ingot's: use another database")
	}
	rows, err := conn.Exec(ctx, "SELECT max(version) FROM ingot.schema_version").ReadAll()
	if err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	version, err := strconv.Atoi(string(rows[0].Rows[0][0]))
	if err != nil {
		return 0, errors.New("read the schema version: ingot.schema_version is empty, as it is during a restore, or after one that failed")
	}
	return version, nil
}

// refuseNewer refuses a schema from the future.
func refuseNewer(version int) error {
	if version > ingot.SchemaVersion {
		return fmt.Errorf("the database has schema version %d, but this ingest only supports %d: use a newer one", version, ingot.SchemaVersion)
	}
	return nil
}

// scriptFrom is the script that leads from a version to the newest: the whole schema for version 0, or else the
// migrations that are missing. It is empty, or ends with ";\n".
func scriptFrom(version int, migrations fs.FS) (string, error) {
	if version == ingot.SchemaVersion {
		return "", nil
	}
	mark := fmt.Sprintf("INSERT INTO ingot.schema_version (version) VALUES (%d);\n", ingot.SchemaVersion)
	if version == 0 {
		return ingot.Schema + mark, nil
	}
	script := ""
	for next := version + 1; next <= ingot.SchemaVersion; next++ {
		step, err := migration(next, migrations)
		if err != nil {
			return "", err
		}
		script += step
	}
	return script + mark, nil
}

func migration(version int, migrations fs.FS) (string, error) {
	names, err := fs.Glob(migrations, fmt.Sprintf("migrations/%03d_*.sql", version))
	if err != nil || len(names) != 1 {
		return "", fmt.Errorf("migration to version %d: %d files found", version, len(names))
	}
	text, err := fs.ReadFile(migrations, names[0])
	return string(text), err
}
