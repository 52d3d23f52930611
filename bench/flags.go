package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/scenario"
)

// databaseFlags say where to measure.
type databaseFlags struct {
	DataDir     string `default:"./bench-data" help:"Folder for Postgres, logs and results."`
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"Postgres to use instead of a private one; its user must be able to create databases."`
}

// ingesterFlags also say what to measure.
type ingesterFlags struct {
	databaseFlags
	Ingest string `placeholder:"FILE" xor:"ingest" help:"The ingester to measure. Not set: one built from the source."`
}

func (f *ingesterFlags) options() environment.Options {
	return environment.Options{DataDir: f.DataDir, DatabaseURL: f.DatabaseURL, Ingest: f.Ingest}
}

// resultPath is where the result of a run goes: out, or if that is empty a file below the data folder.
func (f *databaseFlags) resultPath(out string, started time.Time, suffix string) string {
	return cmp.Or(out, filepath.Join(f.DataDir, "results", started.Format("2006-01-02T150405")+suffix+".json"))
}

// check looks at --database-url. A keyword string is no URL: no other database could be named in it. The message does not
// repeat what was given, which may hold a password.
func (f *databaseFlags) check() error {
	if u, err := url.Parse(f.DatabaseURL); f.DatabaseURL == "" || err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		return nil
	}
	return errors.New("--database-url must be a URL, such as postgres://user@host:5432/postgres")
}

// isServer tells whether a URL names a server and nothing else.
func isServer(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http" && u.Port() != "" && (u.Path == "" || u.Path == "/")
}

// wants is an error unless ok: the value of the flag is not what is wanted.
func wants(ok bool, flag string, value any, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("--%s %v: must be %s", flag, value, what)
}

func (c *runCommand) Validate() error {
	var unknown error
	for _, name := range c.Scenarios {
		_, err := findScenario(name)
		unknown = errors.Join(unknown, err)
	}
	return errors.Join(
		c.check(),
		unknown,
		wants(c.URL == "" || isServer(c.URL), "url", c.URL, "http://host:port"),
		wants(c.Rounds >= 1, "rounds", c.Rounds, "at least 1"),
		wants(c.Warm >= 0, "warm", c.Warm, "0s or more"),
		wants(c.Measure > 0, "measure", c.Measure, "more than 0s"),
		wants(c.Rows >= 1, "rows", c.Rows, "at least 1"),
	)
}

func findScenario(name string) (scenario.Scenario, error) {
	s, ok := scenario.Find(name)
	if !ok {
		return s, fmt.Errorf("there is no scenario %q: see bench list", name)
	}
	return s, nil
}

func (c *limitsCommand) Validate() error {
	return errors.Join(c.check(), wants(c.Rounds >= 1, "rounds", c.Rounds, "at least 1"))
}

func (c *pairCommand) Validate() error {
	return errors.Join(
		c.check(),
		c.checkScenario(),
		wants(c.Starts >= 2, "starts", c.Starts, "at least 2, or no standard error can be given"),
		wants(c.Pairs >= c.Starts, "pairs", c.Pairs, "at least as many as --starts"),
		wants(c.Warm >= 0, "warm", c.Warm, "0s or more"),
		wants(c.Measure > 0, "measure", c.Measure, "more than 0s"),
	)
}

func (c *readsCommand) Validate() error {
	return errors.Join(
		c.check(),
		wants(c.Rows >= 1, "rows", c.Rows, "at least 1"),
		wants(c.Topics >= 1 && c.Topics <= mix.MaxTopics, "topics", c.Topics, fmt.Sprintf("1 to %d", mix.MaxTopics)),
		wants(c.Count >= 1, "count", c.Count, "at least 1"),
		wants(c.Share > 0, "share", c.Share, "more than 0"),
		wants(c.Warm >= 0, "warm", c.Warm, "0s or more"),
		wants(c.Measure > 0, "measure", c.Measure, "more than 0s"),
	)
}

func (c *streamsCommand) Validate() error {
	return errors.Join(
		c.check(),
		wants(c.Streams >= 1, "streams", c.Streams, "at least 1"),
		wants(c.Topics >= 1, "topics", c.Topics, "at least 1"),
		wants(len(c.Rates) > 0 && slices.Min(append(c.Rates, 1)) >= 1, "rates", c.Rates, "one or more, each at least 1"),
		wants(c.Stop >= 0 && c.Stop < max(1, c.Streams), "stop", c.Stop, "fewer than --streams"),
		wants(c.During > 0, "during", c.During, "more than 0s"),
	)
}
