package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// environmentFlags say where and on what to measure (environment.Options).
type environmentFlags struct {
	DataDir     string `default:"./bench-data" help:"Folder for Postgres, logs and results."`
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"Postgres to use instead of a private one; its user must be able to create databases. With --url: the database of that server."`
	Ingest      string `placeholder:"FILE" help:"The ingester to measure. Not set: one built from the source."`
	URL         string `name:"url" placeholder:"URL" help:"A running server to measure as it is: nothing is restarted, and rows stay."`
}

// resultPath is where the result of a run goes: out, or if that is empty a file below the data folder.
func (f *environmentFlags) resultPath(out string, started time.Time, suffix string) string {
	return cmp.Or(out, filepath.Join(f.DataDir, "results", started.Format("2006-01-02T150405")+suffix+".json"))
}

// wants is an error unless ok: the value of the flag is not what is wanted.
func wants(ok bool, flag string, value any, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("--%s %v: must be %s", flag, value, what)
}

func (c *runCommand) Validate() error {
	return errors.Join(
		wants(c.Rounds >= 1, "rounds", c.Rounds, "at least 1"),
		wants(c.Warm >= 0, "warm", c.Warm, "0s or more"),
		wants(c.Measure > 0, "measure", c.Measure, "more than 0s"),
		wants(c.Rows >= 1, "rows", c.Rows, "at least 1"),
	)
}

func (c *limitsCommand) Validate() error {
	return wants(c.Rounds >= 1, "rounds", c.Rounds, "at least 1")
}

func (c *pairCommand) Validate() error {
	return errors.Join(
		wants(c.Starts >= 2, "starts", c.Starts, "at least 2, or no standard error can be given"),
		wants(c.Pairs >= c.Starts, "pairs", c.Pairs, "at least as many as --starts"),
		wants(c.Warm >= 0, "warm", c.Warm, "0s or more"),
		wants(c.Measure > 0, "measure", c.Measure, "more than 0s"),
	)
}

func (c *readsCommand) Validate() error {
	return errors.Join(
		wants(c.Rows >= 1, "rows", c.Rows, "at least 1"),
		wants(c.Topics >= 1, "topics", c.Topics, "at least 1"),
		wants(c.Count >= 1, "count", c.Count, "at least 1"),
		wants(c.Share > 0, "share", c.Share, "more than 0"),
		wants(c.Warm >= 0, "warm", c.Warm, "0s or more"),
		wants(c.Measure > 0, "measure", c.Measure, "more than 0s"),
	)
}

func (c *streamsCommand) Validate() error {
	return errors.Join(
		wants(c.Streams >= 1, "streams", c.Streams, "at least 1"),
		wants(c.Topics >= 1, "topics", c.Topics, "at least 1"),
		wants(len(c.Rates) > 0 && slices.Min(append(c.Rates, 1)) >= 1, "rates", c.Rates, "one or more, each at least 1"),
		wants(c.Stop >= 0 && c.Stop < max(1, c.Streams), "stop", c.Stop, "fewer than --streams"),
		wants(c.During > 0, "during", c.During, "more than 0s"),
	)
}
