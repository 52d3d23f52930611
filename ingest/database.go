package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/internal/localpg"
)

// database is an open database and what ends with it.
type database struct {
	url   string
	close func()
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
		return nil, fmt.Errorf("open the database (%s): %w", postgres.Target(d.url), err)
	}
	report(log, d.url, durability)
	if !durability.Safe() && !c.AllowUnsafe {
		d.close()
		return nil, fmt.Errorf("a crash of this database may lose acknowledged events (fsync %s, full_page_writes %s, synchronous_commit %s): switch them on, or start with --allow-unsafe-durability",
			durability.Fsync, durability.FullPageWrites, durability.SynchronousCommit)
	}
	return d, nil
}

// startPrivate runs a private Postgres below the data folder. Until close is called it is started again whenever it dies.
func startPrivate(ctx context.Context, dataDir string, log *zap.Logger) (*database, error) {
	forgetServers()
	server, err := localpg.Start(ctx, localpg.Options{DataDir: dataDir})
	if err != nil {
		return nil, fmt.Errorf("start a private Postgres: %w", err)
	}
	if notice := server.Notice(); notice != "" {
		log.Warn(notice)
	}
	if server.Made() {
		log.Info("there was no database in the data folder: a new one was made, which knows no event", zap.String("data", server.DataDir()))
	}
	log.Info("private Postgres started", zap.String("data", server.DataDir()), zap.String("version", server.Version()), zap.String("server_log", server.LogPath()))
	supervised := make(chan struct{})
	go func() { // ends with Stop, awaited in close
		defer close(supervised)
		server.Supervise(context.WithoutCancel(ctx), func(i localpg.Incident) { reportIncident(log, i) })
	}()
	return &database{url: server.URL(), close: func() {
		if err := server.Stop(context.WithoutCancel(ctx)); err != nil {
			log.Warn("private Postgres did not stop cleanly", zap.Error(err))
		}
		<-supervised
	}}, nil
}

// forgetServers takes those variables (PG..) out of the environment that lead Postgres clients to some server or have them
// refuse one (PGSERVICE, PGTARGETSESSIONATTRS): they are not about the private Postgres.
func forgetServers() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") && name != "PG_BIN" {
			_ = os.Unsetenv(name)
		}
	}
}

func reportIncident(log *zap.Logger, i localpg.Incident) {
	fields := []zap.Field{zap.NamedError("cause", i.Cause), zap.Int("attempt", i.Attempt), zap.Duration("down", i.Down)}
	if i.Err != nil {
		log.Error("private Postgres died and does not start again yet", append(fields, zap.Error(i.Err))...)
		return
	}
	log.Warn("private Postgres died and is back", fields...)
}

// openWhenUp opens a database. For as long as wait it tries again while the database does not answer yet, or its schema
// cannot be brought up to date yet.
func openWhenUp(ctx context.Context, url string, wait time.Duration, log *zap.Logger) (postgres.Durability, error) {
	deadline := time.Now().Add(wait)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		durability, err := postgres.Open(ctx, url)
		if err == nil || !postgres.NotUpYet(err) || time.Now().After(deadline) {
			return durability, err
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
		zap.String("database", postgres.Target(url)), zap.String("postgres", d.ServerVersion),
		zap.String("fsync", d.Fsync), zap.String("full_page_writes", d.FullPageWrites),
		zap.String("synchronous_commit", d.SynchronousCommit), zap.String("synchronous_standby_names", d.SynchronousNames),
	}
	log.Info("Database connected and tables created", fields...)
	if !d.Safe() {
		log.Warn("this database may lose acknowledged events when its machine crashes", fields...)
	}
}
