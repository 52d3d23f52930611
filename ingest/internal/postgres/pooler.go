package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrMovesSessions is in the error of Open if sessions are moved by what stands in between.
var ErrMovesSessions = errors.New("a connection pooler in front of Postgres moves sessions from one server process to another, as PgBouncer does with pool_mode = transaction or statement: set pool_mode = session, or point DATABASE_URL at Postgres itself")

// secondSession bounds the wait for a second session, and for its answers. A guess.
const secondSession = 5 * time.Second

const serverProcess = "SELECT pg_backend_pid()"

// keepsSessions fails with ErrMovesSessions if a pooler moves sessions. That there is a pooler shows in the process that was
// named as the session began, for cancel requests: it is none of Postgres'. One that keeps sessions has each answered by
// a process of its own. Of one that moves them, two sessions are answered by one process, where it takes the one that came
// free last or has no other; or one session by two, where it takes the one that has been idle for longest. It is asked
// three times, since others may be at work. Where no second session is to be had there is no verdict.
func keepsSessions(ctx context.Context, url string, conn *pgconn.PgConn) error {
	process, err := QueryNumber(ctx, conn, serverProcess)
	if err != nil {
		return fmt.Errorf("ask for the server process: %w", err)
	}
	if process == int64(conn.PID()) {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, secondSession)
	defer cancel()
	second, err := Connect(waiting, url, "", unansweredDefault, nil)
	if err != nil {
		return nil // no verdict
	}
	defer Discard(second)
	for range 3 {
		for _, session := range []struct {
			conn *pgconn.PgConn
			same bool
		}{{conn, true}, {conn, true}, {second, false}} {
			now, err := QueryNumber(waiting, session.conn, serverProcess)
			if err != nil {
				return fmt.Errorf("ask for the server process: %w", err)
			}
			if (now == process) != session.same {
				return ErrMovesSessions
			}
		}
	}
	return nil
}
