package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"ingot"
	"ingot/ingest/internal/postgres"
)

// database is an open database and what ends with it.
type database struct {
	url     string
	private string // the data folder; empty if DATABASE_URL names the database
	close   func()
}

// openDatabase finds or starts the database and brings it to the newest schema.
func openDatabase(ctx context.Context, c config, log *zap.Logger) (*database, error) {
	d := &database{url: c.DatabaseURL, close: func() {}}
	if d.url == "" {
		var err error
		if d, err = startPrivate(ctx, c.DataDir, log); err != nil {
			return nil, err
		}
	}
	durability, err := openWhenUp(ctx, d.url, c.DatabaseWait, log)
	if err != nil {
		d.close()
		return nil, d.explain(err)
	}
	report(log, d.url, durability)
	if !durability.Safe() && !c.AllowUnsafe {
		d.close()
		return nil, fmt.Errorf("this database may lose acknowledged events in a crash (fsync %s, full_page_writes %s, synchronous_commit %s%s): turn them on, or start with --allow-unsafe-durability",
			durability.Fsync, durability.FullPageWrites, durability.SynchronousCommit, unlogged(durability))
	}
	return d, nil
}

// unlogged says which tables a crash leaves empty, and what to do about it.
func unlogged(d postgres.Durability) string {
	if d.Unlogged == "" {
		return ""
	}
	return ", unlogged tables " + d.Unlogged + ": ALTER TABLE .. SET LOGGED"
}

// explain says why the database cannot be opened. Who runs a private one has no DATABASE_URL to point elsewhere.
func (d *database) explain(err error) error {
	if d.private != "" && errors.Is(err, postgres.ErrStandby) {
		return fmt.Errorf("the private Postgres in %s is a standby and cannot store events: remove its file standby.signal to run it as a server of its own, or set DATABASE_URL to its primary", d.private)
	}
	return fmt.Errorf("open the database (%s): %w", postgres.Target(d.url), err)
}

// openWhenUp opens a database. For as long as wait it tries again while the database does not answer yet, or its schema
// cannot be brought up to date yet.
func openWhenUp(ctx context.Context, url string, wait time.Duration, log *zap.Logger) (postgres.Durability, error) {
	deadline := time.Now().Add(wait)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		durability, err := postgres.OpenTelling(ctx, url, func(from int) {
			log.Info("migrating the schema: on a large database this takes minutes, in which publishing waits", zap.Int("from", from), zap.Int("to", ingot.SchemaVersion))
		})
		if err == nil || !postgres.NotUpYet(err) {
			return durability, err
		}
		if time.Now().After(deadline) {
			return durability, fmt.Errorf("%w; the time for it is %s (--database-wait)", err, wait)
		}
		log.Warn("the database is not ready yet", zap.String("database", postgres.Target(url)), zap.Error(err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return durability, ctx.Err()
		}
	}
}

// report says what a commit is worth on this database. The message is the one the
// old service logged; scripts wait for it.
func report(log *zap.Logger, url string, d postgres.Durability) {
	fields := []zap.Field{
		zap.String("database", postgres.Target(url)), zap.String("postgres", d.ServerVersion), zap.Bool("encrypted", d.Encrypted),
		zap.String("fsync", d.Fsync), zap.String("full_page_writes", d.FullPageWrites),
		zap.String("synchronous_commit", d.SynchronousCommit), zap.String("synchronous_standby_names", d.SynchronousNames),
	}
	if d.Unlogged != "" {
		fields = append(fields, zap.String("unlogged", d.Unlogged))
	}
	log.Info("Database connected and tables created", fields...)
	if d.Exposed {
		log.Warn("the connection to the database is not encrypted and leaves this machine: put sslmode=verify-full into DATABASE_URL", fields[0])
	}
	if !d.Safe() {
		log.Warn("this database may lose acknowledged events when its machine crashes", fields...)
	}
}
