package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// errNoSecondDial keeps pgx from sending cancel requests. pgx would send one, over a second connection of its own,
// whenever a connection breaks.
var errNoSecondDial = errors.New("cancel requests are not sent")

// catalogAlone makes Postgres look up names without a schema in pg_catalog alone, for its own functions and operators;
// Ingot's tables are always named with their schema. In another schema, such as public, somebody may have made a
// function or an operator that matches a call better, and it would run with this role's rights.
const catalogAlone = "SET search_path = pg_catalog; "

// waitsForNobody makes each statement see what is committed as it begins, and begin at once. If somebody has made
// serializable and deferrable the defaults, a transaction that only reads would wait for the end of everybody's
// serializable transactions that write. In any other isolation level nothing is deferred.
const waitsForNobody = "SET default_transaction_isolation = 'read committed'; "

// Begin opens a transaction that writes. It states what the answers rely on, whatever the defaults of the role or the
// database are. It does not say READ WRITE: default_transaction_read_only is how an operator stops all that writes.
const Begin = "BEGIN ISOLATION LEVEL READ COMMITTED"

// Connect opens one connection and runs setup on it, as one simple Query. unanswered bounds how long the network
// may leave sent data without an acknowledgement: see dial. onNotice may be nil.
func Connect(ctx context.Context, url, setup string, unanswered time.Duration, onNotice pgconn.NoticeHandler) (*pgconn.PgConn, error) {
	conn, err := connect(ctx, url, unanswered, onNotice)
	if err != nil {
		return nil, err
	}
	if err := setUpSession(ctx, conn, setup, unanswered); err != nil {
		Discard(conn)
		return nil, err
	}
	return conn, nil
}

func connect(ctx context.Context, url string, unanswered time.Duration, onNotice pgconn.NoticeHandler) (*pgconn.PgConn, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	next, up := dial(unanswered, requirePeer(config)), false
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if up {
			return nil, errNoSecondDial
		}
		return next(ctx, network, addr)
	}
	config.OnNotice = onNotice
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres: %w", err)
	}
	up = true
	return conn, nil
}

func setUpSession(ctx context.Context, conn *pgconn.PgConn, setup string, unanswered time.Duration) error {
	_, err := conn.Exec(ctx, catalogAlone+waitsForNobody+setup+serverTimeouts(conn, unanswered)).ReadAll()
	if err != nil && isStandby(conn) { // it cannot be set to write
		return fmt.Errorf("set up the session: %w: %w", ErrStandby, err)
	}
	if err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}

// passesStandbys makes a connection skip standbys if the URL names several hosts and no target_session_attrs. After a
// failover the first host may be a standby: the old primary that has come back as one. The server tells what it is as
// the session begins.
func passesStandbys(config *pgconn.Config) {
	another := func(f *pgconn.FallbackConfig) bool { return f.Host != config.Host || f.Port != config.Port }
	if config.ValidateConnect != nil || !slices.ContainsFunc(config.Fallbacks, another) {
		return
	}
	config.ValidateConnect = func(_ context.Context, conn *pgconn.PgConn) error {
		if isStandby(conn) {
			return ErrStandby
		}
		return nil
	}
}

// isStandby tells whether the server has said so. A pooler may not pass that on.
func isStandby(conn *pgconn.PgConn) bool { return conn.ParameterStatus("in_hot_standby") == "on" }

// QueryNumber runs statements as one Query, and returns the number that the last one gives.
func QueryNumber(ctx context.Context, conn *pgconn.PgConn, query string) (int64, error) {
	results, err := conn.Exec(ctx, query).ReadAll()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(results[len(results)-1].Rows[0][0]), 10, 64)
}

// Discard closes a connection at once, and waits until none of its goroutines runs any more.
func Discard(conn *pgconn.PgConn) {
	_ = conn.Conn().Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.CleanupDone()
}

// Milliseconds is a duration in the unit of Postgres' timeouts. It is never 0, which would mean no timeout at all.
func Milliseconds(d time.Duration) int64 {
	return max(d.Milliseconds(), 1)
}
