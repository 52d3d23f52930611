package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.uber.org/zap"

	"ingot/internal/localpg"
)

// startPrivate runs a private Postgres below the data folder. Until close is called it is started again whenever it dies.
func startPrivate(ctx context.Context, dataDir string, log *zap.Logger) (*database, error) {
	forgetServers()
	server, err := localpg.Start(ctx, localpg.Options{DataDir: dataDir, Began: func() {
		log.Info("starting the private Postgres", zap.String("data", dataDir))
	}})
	if err != nil {
		return nil, fmt.Errorf("start a private Postgres for --data-dir (INGOT_DATA_DIR): %w", err)
	}
	if notice := server.Notice(); notice != "" {
		log.Warn(notice)
	}
	if server.Made() {
		log.Info("there was no database in the data folder: created a new, empty one", zap.String("data", server.DataDir()))
	}
	log.Info("private Postgres started", zap.String("data", server.DataDir()), zap.String("version", server.Version()), zap.String("server_log", server.LogPath()))
	var supervising sync.WaitGroup
	supervising.Go(func() { // ends with Stop, awaited in close
		server.Supervise(context.WithoutCancel(ctx), func(i localpg.Incident) { reportIncident(log, i) })
	})
	url := fmt.Sprintf("%s&requirepeer=%d", server.URL(), server.UID()) // whoever else has a server there is not believed
	return &database{url: url, private: server.DataDir(), close: func() {
		if err := server.Stop(context.WithoutCancel(ctx)); err != nil {
			log.Warn("private Postgres did not stop cleanly", zap.Error(err))
		}
		supervising.Wait()
	}}, nil
}

// forgetServers unsets the variables (PG..) that point Postgres clients at a server, or make them refuse one (PGSERVICE,
// PGTARGETSESSIONATTRS): they are not meant for the private Postgres.
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
		log.Error("private Postgres died and could not be restarted, will try again", append(fields, zap.Error(i.Err))...)
		return
	}
	log.Warn("private Postgres died and was restarted", fields...)
}
