package environment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ingot/bench/internal/postgres"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/server"
)

// Options say where and on what to measure: the flags of a command.
type Options struct {
	DataDir     string // for Postgres, logs and results
	DatabaseURL string // of a Postgres to use in place of a private one; "": none
	Ingest      string // the ingester; "": it is built from the source
	NoIngester  bool   // none is needed
	URL         string // http://host:port of a server that runs already; "": none
}

// Environment is what all scenarios of a run share.
type Environment struct {
	Options
	Cluster  *postgres.Cluster // nil with URL and no DatabaseURL
	Disk     string            // the folder of its data; "": not known
	Binary   string            // the ingester
	Self     string            // this program
	Logs     string            // the folder of the servers' logs
	Attached *server.Server    // the server of URL; nil without it
	Progress *progress.Progress

	// What commands choose, once it is open.
	IngesterFlags []string // for every ingester, beside those of the scenario
	Profiles      bool     // take a CPU profile of the ingester in each round

	unlock func() // of the data folder
}

// Open takes a data folder that no other bench is using, and brings up what all scenarios need. It tells of its progress on out.
func Open(ctx context.Context, o Options, out io.Writer) (*Environment, error) {
	e := &Environment{Options: o, Progress: progress.New(out)}
	if err := os.MkdirAll(o.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	var err error
	if e.unlock, err = lockFolder(o.DataDir); err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		e.unlock()
		return nil, err
	}
	if e.Logs, err = freshLogs(o.DataDir); err != nil { // only now: a bench that cannot begin leaves those of the last one
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// start builds the ingester and starts the database.
func (e *Environment) start(ctx context.Context) (err error) {
	if e.Self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := e.findIngester(ctx); err != nil {
		return err
	}
	if e.URL != "" && e.DatabaseURL == "" {
		return nil
	}
	return e.Progress.During("waiting for Postgres: its first start creates its data, and after an unclean end it recovers", func() (err error) {
		if e.Cluster, err = postgres.OpenCluster(ctx, filepath.Join(e.DataDir, "postgres"), e.DatabaseURL); err == nil {
			e.Disk = e.Cluster.DataDir()
		}
		return err
	})
}

// findIngester sets the binary to start (and builds it, without --ingest), or the server of --url that runs already.
func (e *Environment) findIngester(ctx context.Context) error {
	if e.URL != "" {
		e.Attached = &server.Server{Address: strings.TrimSuffix(strings.TrimPrefix(e.URL, "http://"), "/")}
	}
	if e.URL != "" || e.NoIngester {
		return nil
	}
	bin, err := filepath.Abs(cmp.Or(e.Ingest, filepath.Join(e.DataDir, "ingest")))
	if e.Binary = bin; err != nil || e.Ingest != "" {
		return err
	}
	return e.Progress.During("building the ingester", func() error {
		build := exec.CommandContext(ctx, "go", "build", "-o", bin, "ingot/ingest")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the ingester (or name one with --ingest): %w\n%s", err, out)
		}
		return nil
	})
}

// Close stops what was opened, also when ctx has ended.
func (e *Environment) Close(ctx context.Context) error {
	defer e.unlock()
	if e.Cluster == nil {
		return nil
	}
	if e.DatabaseURL != "" {
		return e.Cluster.Close(context.WithoutCancel(ctx))
	}
	return e.Progress.During("stopping Postgres: it writes what it has in memory to disk, for at most two minutes", func() error {
		return e.Cluster.Close(context.WithoutCancel(ctx))
	})
}
