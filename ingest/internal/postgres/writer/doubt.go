package writer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
)

// Pauses between two tries at resolving a batch in doubt. Guesses.
const (
	doubtPause    = 20 * time.Millisecond
	doubtPauseMax = 500 * time.Millisecond
)

// doubt gives up the connection that the batch was sent over, since nothing that it still brings can be trusted. Then
// it finds out what became of the batch.
func (w *Writer) doubt(ctx context.Context, b *batch, over *session, err error) error {
	w.staging.Store(false)
	w.log.Warn("batch not committed cleanly", zap.Int64("first_id", b.first), zap.Int("events", b.received), zap.Error(err))
	w.abandon(over)
	if errors.Is(err, errNotLogged) {
		return err
	}
	return w.resolve(ctx, b, err)
}

// resolve finds out what became of a batch whose COMMIT was sent and not answered.
//
// It fences the batch: it tries to put a void row with the batch's first_id into the log. That insert waits for the
// old transaction to end, whichever server process runs it. If the batch's own row is in the log then, the batch
// has committed. If the void row stays, the old transaction can never commit any more: its own row would break the
// unique first_id.
//
// resolve returns nil when the batch is committed, and *event.NotStoredError when it never can be. If ctx ends
// before either is certain, it returns the doubt that it was given.
func (w *Writer) resolve(ctx context.Context, b *batch, doubt error) error {
	for pause := doubtPause; ; pause = min(2*pause, doubtPauseMax) {
		committed, err := w.fence(ctx, b)
		switch {
		case err == nil && committed:
			w.log.Info("a batch in doubt was committed", zap.Int64("first_id", b.first), zap.NamedError("doubt", doubt))
			return nil
		case err == nil:
			w.log.Info("a batch in doubt was not committed and never will be", zap.Int64("first_id", b.first), zap.NamedError("doubt", doubt))
			return unavailable(doubt)
		}
		w.log.Warn("a batch is in doubt: it is not known yet whether it was committed", zap.Int64("first_id", b.first), zap.NamedError("doubt", doubt), zap.Error(err))
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return doubt
		}
	}
}

// backend names a server process so that it cannot be mistaken for another: pids are used again.
type backend struct {
	pid   int64
	start string // backend_start, as text
}

// asWhoLoggedIn goes before a statement of the same Query. Only the role that logged in sees its backends in full and
// may end them, not the role that ALTER ROLE .. SET role has put in its place.
const asWhoLoggedIn = "SET LOCAL ROLE NONE; "

const backendQuery = asWhoLoggedIn + "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"

// voidQuery puts a void row into the log, unless a row with that first_id is there, or comes from a transaction
// that commits first. Then it reads the row with that first_id.
//
// pg_logical_emit_message makes sure that the transaction writes something. A COMMIT that writes nothing does not
// wait for a synchronous standby, and what was read could still be lost with the primary.
//
// A row of another instance is not the batch's. A failover may lose the last draws of ids; then other instances
// draw the same ids again. drawBlock makes sure that this instance does not.
//
// Like a batch, voidQuery waits for the log's lock as long as a statement may take.
const voidQuery = `SET LOCAL lock_timeout = 0;
SELECT pg_advisory_xact_lock(%[1]d);
INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored, total_received, total_stored, instance, committed_at)
	SELECT coalesce(last.commit_seq, 0) + 1, %[2]d, %[2]d - 1, 0, 0, coalesce(last.total_received, 0), coalesce(last.total_stored, 0), '%[3]s', clock_timestamp()
	FROM (VALUES (1)) AS one LEFT JOIN (SELECT * FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1) AS last ON true
	ON CONFLICT (first_id) DO NOTHING;
SELECT pg_logical_emit_message(true, 'ingot', 'fence');
SELECT received > 0 AND instance = '%[3]s' FROM ingot.batches WHERE first_id = %[2]d;
COMMIT`

// abandon gives up a connection whose COMMIT was not answered. Its backend may hang in that COMMIT for as long as a
// synchronous standby is away, and each further try could leave another such backend. So the next connection
// ends it. The connection may have been abandoned already, by another batch that was sent over it.
func (w *Writer) abandon(over *session) {
	if !slices.Contains(w.abandoned, over.backend) {
		w.abandoned = append(w.abandoned, over.backend)
	}
	if w.session == over {
		w.drop()
	}
}

// endAbandoned ends the backends of connections that were given up, over the connection of s. No answer depends on
// it: the fence waits for the old transaction in any case, but not as long if its backend was ended.
func (w *Writer) endAbandoned(ctx context.Context, s *session) {
	for _, old := range w.abandoned {
		end := fmt.Sprintf(asWhoLoggedIn+"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %d AND backend_start::text = '%s'", old.pid, old.start)
		if _, err := s.conn.Exec(ctx, end).ReadAll(); err != nil {
			w.log.Debug("cannot terminate an abandoned backend", zap.Error(err))
			return
		}
	}
	w.abandoned = nil
}

// fence tells whether the batch has committed; an error means that this is not certain yet. It uses a connection other
// than the batch's, and openSession has made sure that it does not lead to a standby.
func (w *Writer) fence(ctx context.Context, b *batch) (committed bool, err error) {
	s, err := w.ready(ctx)
	if err != nil {
		return false, err
	}
	query := s.begin + "; " + fmt.Sprintf(voidQuery, postgres.LogLock, b.first, w.instance)
	last := "" // the value of the last SELECT, which stands right before COMMIT
	a, err := s.ask(ctx, endMessage(append(append(beginMessage(nil, 'Q'), query...), 0), 0), func(_ int, values [][]byte) { last = string(values[0]) })
	if err := judgeCommit(s.conn.TxStatus(), a, err); err != nil {
		w.abandon(s)
		return false, fmt.Errorf("fence: %w", err)
	}
	return fenceFound(string(a.before), last)
}

// fenceFound reads the result of the fence's last SELECT.
func fenceFound(tag, value string) (committed bool, err error) {
	if tag != "SELECT 1" {
		return false, fmt.Errorf("fence: not one row in the log: %s", tag)
	}
	return value == "t", nil
}
