package writer

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
)

// Ready connects, within that time, if there is no usable connection. It fails with *event.NotStoredError. It waits
// while a doubt is being resolved.
func (w *Writer) Ready(ctx context.Context, within time.Duration) error {
	select {
	case w.turn <- struct{}{}:
		works := w.works()
		w.turn.give()
		if works {
			return nil
		}
	default:
		if w.staging.Load() {
			return nil // the connection works, and the caller's batch can be prepared while another is being staged
		}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return w.inTurn(ctx, func() error {
		if w.works() {
			return nil
		}
		if err := w.alone(ctx); err != nil {
			return err
		}
		_, err := w.ready(ctx)
		return err
	})
}

// works tells whether the connection seems usable, as far as can be told without using it.
func (w *Writer) works() bool {
	return w.session != nil && !w.session.broken.Load() && (w.busy() || !w.session.conn.IsClosed())
}

// ready returns a session that can take a batch. Its errors are classed already: a setting that the server refuses
// says nothing about anybody's data.
func (w *Writer) ready(ctx context.Context) (*session, error) {
	w.rollback(ctx) // a batch that was sent ahead may have failed since, and left an aborted transaction
	if w.session != nil && w.session.expired() {
		w.drop()
	}
	if w.session == nil {
		s, err := openSession(ctx, w.url, w.timeouts, w.instance)
		if err != nil {
			return nil, unavailable(err)
		}
		s.lastID = w.lastID
		w.session = s
		w.compare(s.promise)
		w.compareTables(s.changed)
		w.endAbandoned(ctx, s)
	}
	return w.session, nil
}

// compare logs a warning when a commit does not promise what it did on the connection before: somebody has changed
// settings, or another server answers. What was logged at the start is out of date then.
func (w *Writer) compare(now postgres.Durability) {
	now.ServerVersion, now.Encrypted, now.Exposed = "", false, false
	if before := w.promise; before != now && before != (postgres.Durability{}) {
		w.log.Warn("the durability settings of the database have changed", zap.Bool("safe", now.Safe()), zap.Any("before", before), zap.Any("now", now))
	}
	w.promise = now
}

// compareTables logs a warning when somebody has changed the tables, once for each change.
func (w *Writer) compareTables(now []string) {
	if len(now) > 0 && !slices.Equal(w.changed, now) {
		w.log.Warn("the tables have been altered: answers may be wrong", zap.Strings("changed", now))
	}
	w.changed = now
}

// rollback leaves the session without a transaction, or drops it. A session that was given up is abandoned, as one in
// doubt is: the committer that sent a batch over it may not have begun to resolve the doubt yet, and may never do so.
func (w *Writer) rollback(ctx context.Context) {
	s := w.session
	if s == nil {
		return
	}
	if s.broken.Load() {
		w.abandon(s)
		return
	}
	if !s.conn.IsClosed() {
		if s.conn.TxStatus() == 'I' {
			return
		}
		_, err := s.conn.Exec(ctx, "ROLLBACK").ReadAll()
		if err == nil && s.conn.TxStatus() == 'I' {
			return
		}
	}
	w.drop()
}
