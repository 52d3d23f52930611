package main

import (
	"fmt"
	"os"

	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/internal/localpg"
	"ingot/internal/stopsignal"
)

// verifyCommand checks that the tables agree with each other: for use after a crash, a restore, or when in doubt.
type verifyCommand struct {
	DatabaseURL string `name:"database-url" type:"named" env:"DATABASE_URL" placeholder:"URL" help:"Postgres to check. Not set: the private one below --data-dir."`
	DataDir     string `default:"./data" type:"named" env:"INGOT_DATA_DIR" help:"Folder of the private Postgres; no server may be using it."`
}

// Run implements kong's interface.
func (c *verifyCommand) Run() error {
	if err := checkDatabaseName(os.Environ(), c.DatabaseURL); err != nil {
		return wrongSetting{err}
	}
	if c.DatabaseURL == "" && !localpg.HoldsData(c.DataDir) {
		return fmt.Errorf("there is no database in %s: set --data-dir or --database-url", c.DataDir)
	}
	if err := checkDatabaseURL(c.DatabaseURL); err != nil {
		return wrongSetting{err}
	}
	ctx := stopsignal.Context(stopAtOnce)
	url := c.DatabaseURL
	if url == "" {
		private, err := startPrivate(ctx, c.DataDir, zap.NewNop())
		if err != nil {
			return err
		}
		defer private.close()
		url = private.url
	}
	v, err := postgres.Verify(ctx, url)
	if err != nil {
		return fmt.Errorf("verify %s: %w", postgres.Target(url), err)
	}
	fmt.Println(v)
	for _, broken := range v.Broken {
		fmt.Println(broken)
	}
	if len(v.Broken) > 0 {
		return fmt.Errorf("%d invariants do not hold", len(v.Broken))
	}
	fmt.Println("every invariant holds: the commit log, the topics and the events agree")
	return nil
}
