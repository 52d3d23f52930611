package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/report"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
)

type runCommand struct {
	ingesterFlags
	URL       string        `name:"url" xor:"ingest,flag,profile" placeholder:"URL" help:"A running server to measure as it is: nothing is restarted, and rows stay. --database-url is that of its database then."`
	Scenarios []string      `arg:"" optional:"" name:"scenario" help:"What to measure; see bench list."`
	Full      bool          `help:"All scenarios, not just the quick set, except those that have to be named."`
	Resume    bool          `help:"Go on where the last run with the same ingester and the same flags was interrupted."`
	Rounds    int           `default:"5" help:"Rounds of each scenario; compare needs at least 5."`
	Warm      time.Duration `default:"400ms" help:"Load before the measurement window."`
	Measure   time.Duration `default:"2s" help:"Measurement window."`
	Payloads  string        `placeholder:"FILE" help:"NDJSON whose payloads the scenario payload-file sends."`
	Rows      int           `default:"20000000" help:"Rows of the full table; loaded once, and kept for the next run."`
	Flag      []string      `placeholder:"FLAG" xor:"flag" help:"A flag for the ingester in all scenarios, such as --flag=--batch-events=2000."`
	Profile   bool          `xor:"profile" help:"Take a CPU profile of the ingester in each round, below --data-dir; this slows it down a little."`
	Out       string        `placeholder:"FILE" help:"Where the result goes; the report is put beside it. Default: below --data-dir."`
}

func (c *runCommand) Run(ctx context.Context, s output) (err error) {
	options := c.options()
	options.URL = c.URL
	env, err := environment.Open(ctx, options, s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	env.IngesterFlags, env.Profiles = c.Flag, c.Profile
	r, err := c.newResult(ctx, env)
	if err != nil {
		return err
	}
	if err := c.measureAll(ctx, env, c.selectScenarios(), r); err != nil {
		if ctx.Err() == nil {
			r.Table(s.stdout) // what could not be saved
		}
		return err
	}
	return c.finish(s, r)
}

// newResult is an empty result or, with --resume, what a run that was cut has left.
func (c *runCommand) newResult(ctx context.Context, env *environment.Environment) (*result.Result, error) {
	r, err := env.NewResult(ctx, command(os.Args[1:]))
	if err != nil || !c.Resume {
		return r, err
	}
	cut, err := result.Read(c.unfinished())
	switch {
	case errors.Is(err, fs.ErrNotExist): // none was cut
	case err != nil:
		env.Progress.Say("starting over: %v", err)
	case cut.Ingester != r.Ingester:
		env.Progress.Say("starting over, since %s is of another build of the ingester; the first scenario will overwrite it", c.unfinished())
	case cut.Command != r.Command:
		env.Progress.Say("starting over, since %s is of a run with other flags (%s); the first scenario will overwrite it", c.unfinished(), cut.Command)
	default:
		cut.Scenarios = slices.DeleteFunc(cut.Scenarios, func(s result.Scenario) bool { return s.Error != "" || s.Skipped != "" })
		env.Progress.Say("continuing the run of %s: %d scenarios are done", cut.Started.Format(time.DateTime), len(cut.Scenarios))
		return cut, nil
	}
	return r, nil
}

// command is what to type for the same figures. It leaves out --resume: whether they were measured in one go does not
// matter. Nor does it tell the password of a database, since results are passed on.
func command(args []string) string {
	args = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--resume" })
	said := strings.Join(append([]string{"bench"}, args...), " ")
	return regexp.MustCompile(`(://[^:/@ ]*:)[^@/ ]+(@)|(\bpassword=)[^& ]+`).ReplaceAllString(said, "${1}${3}xxxxx${2}")
}

// unfinished is the file of the result so far.
func (c *runCommand) unfinished() string { return filepath.Join(c.DataDir, "unfinished.json") }

// measureAll measures what is not done yet, and saves after each scenario.
func (c *runCommand) measureAll(ctx context.Context, env *environment.Environment, selected []scenario.Scenario, r *result.Result) error {
	for i, s := range selected {
		if r.Find(s.Name) != nil {
			continue
		}
		env.Progress.Say("[%d/%d] %s: %s", i+1, len(selected), s.Name, s.About)
		got := c.measureOne(ctx, env, s)
		if ctx.Err() != nil {
			return fmt.Errorf("%s was interrupted; run the same command with --resume to continue", s.Name)
		}
		if why := cmp.Or(got.Skipped, got.Broken()); why != "" {
			env.Progress.Say("%s: %s", s.Name, why)
		}
		r.Scenarios = append(r.Scenarios, got)
		if err := result.Write(c.unfinished(), r); err != nil {
			return err
		}
	}
	return nil
}

// measureOne measures a scenario. An error that breaks it is noted in its result, and the other scenarios go on.
func (c *runCommand) measureOne(ctx context.Context, env *environment.Environment, s scenario.Scenario) result.Scenario {
	if why := c.skipReason(ctx, env, s); why != "" {
		return result.Scenario{Name: s.Name, About: s.About, Skipped: why}
	}
	env.Progress.Begin(s.Name, c.Rounds)
	defer env.Progress.End()
	got, err := measure.Scenario(ctx, env, s, c.Rounds, measure.Window{Warm: c.Warm, Measure: c.Measure})
	if err != nil {
		got.Error = err.Error()
	}
	return got
}

// skipReason says why a scenario cannot be measured here.
func (c *runCommand) skipReason(ctx context.Context, env *environment.Environment, s scenario.Scenario) string {
	if s.Name == scenario.PayloadFile && s.Mix.File == "" {
		return "--payloads is not set"
	}
	special := s.IngesterCount() > 1 || s.StoredRows() > 0 || s.CommitDelay > 0 || len(s.Flags) > 0 || s.Alter != ""
	if env.Attached != nil {
		if special {
			return "a server given with --url is measured as it is"
		}
		return ""
	}
	for _, flag := range slices.Concat(s.Flags, c.Flag) {
		if !server.HasFlag(ctx, env.Binary, flag) {
			return "the ingester has no flag " + flag
		}
	}
	return ""
}

// finish prints the table and leaves the result and its report.
func (c *runCommand) finish(s output, r *result.Result) error {
	path := c.resultPath(c.Out, r.Started, "")
	html := strings.TrimSuffix(path, ".json") + ".html"
	err := errors.Join(result.Write(path, r), report.Write(html, r))
	r.Table(s.stdout) // also if it could not be written: it took long enough to measure
	if err != nil {
		return err
	}
	_ = os.Remove(c.unfinished())
	fmt.Fprintf(s.stdout, "result %s\nreport %s\n", path, html)
	printProfiles(s.stdout, r)
	for i := range r.Scenarios {
		if why := r.Scenarios[i].Broken(); why != "" {
			return fmt.Errorf("%s: %s", r.Scenarios[i].Name, why)
		}
	}
	if !slices.ContainsFunc(r.Scenarios, func(s result.Scenario) bool { return len(s.Rounds) > 0 }) {
		return errors.New("nothing was measured: every scenario was left out")
	}
	return nil
}

// selectScenarios returns the scenarios asked for, in the order of the table.
func (c *runCommand) selectScenarios() (selected []scenario.Scenario) {
	for _, s := range scenario.All() {
		if s.Name == scenario.PayloadFile {
			s.Mix.File = c.Payloads
		}
		if s.Base == scenario.BaseRows {
			s.Base = c.Rows
			s.About = fmt.Sprintf("%s: %d rows", s.About, s.Base)
		}
		if slices.Contains(c.Scenarios, s.Name) || len(c.Scenarios) == 0 && (s.Set == scenario.Quick || c.Full && s.Set == scenario.Full) {
			selected = append(selected, s)
		}
	}
	return selected
}
