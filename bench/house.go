package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"ingot/bench/internal/postgres"
	"ingot/bench/internal/server"
)

// place is where and on what to measure: flags that `run` and `limits` share.
type place struct {
	DataDir     string `default:"./bench-data" help:"Folder for Postgres, logs and results."`
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"Postgres to use in place of a private one; its user must be able to create databases. With --url: the database of that server."`
	Ingest      string `placeholder:"FILE" help:"The ingester to measure. Not set: it is built from the source."`
	URL         string `name:"url" placeholder:"URL" help:"A server that runs already, taken as it is: nothing is restarted, and rows stay."`
}

// house is what all scenarios of a run share.
type house struct {
	place
	cluster *postgres.Cluster // nil with --url and no --database-url
	disk    string            // the folder of its data; "": not known
	binary  string            // the ingester
	self    string            // this program
	logs    string
	given   *server.Server // the server of --url; nil without it
	flags   []string       // for every ingester, beside those of the scenario

	profiles bool // take a CPU profile of the ingester in each round

	progress *progress
	unlock   func() // of the data folder
}

// openHouse takes a data folder that no other bench is using, and brings up what all scenarios need.
func openHouse(ctx context.Context, p place, told *progress) (*house, error) {
	h := &house{place: p, progress: told}
	if err := os.MkdirAll(p.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	var err error
	if h.unlock, err = lockFolder(p.DataDir); err != nil {
		return nil, err
	}
	if err := h.furnish(ctx); err != nil {
		h.unlock()
		return nil, err
	}
	if h.logs, err = freshLogs(p.DataDir); err != nil { // only now: a bench that cannot begin leaves those of the last one
		return nil, errors.Join(err, h.close(ctx))
	}
	return h, nil
}

// furnish builds the ingester and starts the database.
func (h *house) furnish(ctx context.Context) (err error) {
	if h.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := h.findIngester(ctx); err != nil {
		return err
	}
	if h.URL != "" && h.DatabaseURL == "" {
		return nil
	}
	return h.progress.during("wait for Postgres: its first start makes its data, and after an end in disorder it recovers", func() (err error) {
		if h.cluster, err = postgres.OpenCluster(ctx, filepath.Join(h.DataDir, "postgres"), h.DatabaseURL); err == nil {
			h.disk = h.cluster.DataDir()
		}
		return err
	})
}

// findIngester sets the binary to start (and builds it, without --ingest), or the server of --url that runs already.
func (h *house) findIngester(ctx context.Context) error {
	if h.URL != "" {
		u, err := url.Parse(h.URL)
		if err != nil || u.Scheme != "http" || u.Port() == "" || u.Path != "" && u.Path != "/" {
			return fmt.Errorf("--url %q: want http://host:port", h.URL)
		}
		h.given = server.Attach(u.Host)
		return nil
	}
	if h.Ingest != "" {
		var err error
		h.binary, err = filepath.Abs(h.Ingest)
		return err
	}
	bin, err := filepath.Abs(filepath.Join(h.DataDir, "ingest"))
	if err != nil {
		return err
	}
	h.binary = bin
	return h.progress.during("build the ingester", func() error {
		build := exec.CommandContext(ctx, "go", "build", "-o", bin, "ingot/ingest")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the ingester (or name one with --ingest): %w\n%s", err, out)
		}
		return nil
	})
}

// close stops what was opened, also when ctx has ended.
func (h *house) close(ctx context.Context) error {
	defer h.unlock()
	if h.cluster == nil {
		return nil
	}
	if h.DatabaseURL != "" {
		return h.cluster.Close(context.WithoutCancel(ctx))
	}
	return h.progress.during("Postgres is stopping: it writes to disk what it has in memory, for two minutes at most", func() error {
		return h.cluster.Close(context.WithoutCancel(ctx))
	})
}

// errNoDatabase says why the limits and the truth check are left out.
var errNoDatabase = errors.New("needs --database-url beside --url")
