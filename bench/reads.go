package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/reads"
	"ingot/bench/internal/result"
)

// readsCommand measures reads of a large table while an ingester writes to it at a part of its top speed.
type readsCommand struct {
	ingesterFlags
	Rows    int           `default:"10000000" help:"Rows that are there beforehand; loaded once, and kept for the next run."`
	Topics  int           `default:"1000" help:"Topics, in a Zipf distribution."`
	Count   int           `default:"300" help:"Reads of each kind."`
	Share   float64       `default:"0.5" help:"Share of the ingester's top speed at which events are written meanwhile."`
	Cold    bool          `help:"Begin right after Postgres starts; otherwise its tables are read once first."`
	Warm    time.Duration `default:"3s" help:"Load before the top speed is measured."`
	Measure time.Duration `default:"4s" help:"Window in which the top speed is measured."`
	Flag    []string      `placeholder:"FLAG" help:"A flag for the ingester, such as --flag=--read-connections=8."`
	Profile bool          `help:"Take a CPU profile of the ingester meanwhile, below --data-dir."`
	Out     string        `placeholder:"FILE" help:"Where the result goes. Default: below --data-dir."`
}

func (c *readsCommand) Run(ctx context.Context, s output) (err error) {
	env, err := environment.Open(ctx, c.options(), s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	env.IngesterFlags, env.Profiles = c.Flag, c.Profile
	empty, err := env.NewResult(ctx, command(os.Args[1:]))
	if err != nil {
		return err
	}
	r := &result.Reads{Result: *empty, Topics: c.Topics}
	m := measure.Reads{
		Rows: c.Rows, Topics: c.Topics, Count: c.Count, Share: c.Share, Cold: c.Cold,
		Window: measure.Window{Warm: c.Warm, Measure: c.Measure},
	}
	if err := m.Measure(ctx, env, r); err != nil {
		return err
	}
	return c.finish(s, r)
}

// finish prints the table and leaves the result.
func (c *readsCommand) finish(s output, r *result.Reads) error {
	path := c.resultPath(c.Out, r.Started, "-reads")
	written := result.Write(path, r)
	if err := r.Beside.Truth.Err(); err != nil {
		return errors.Join(err, written) // no figures
	}
	o := &r.Beside
	fmt.Fprintf(s.stdout, "%d rows, %d topics; top speed %.0f events/s; meanwhile %.0f events/s, asked %.0f: p50 %.1f ms, p99 %.1f ms; CPU client %.0f%%, ingester %.0f%%, Postgres %.0f%%\n",
		r.Rows, r.Topics, r.Top, o.Events, o.Asked*measure.ReadsArray, float64(o.Latency.P50)/1000, float64(o.Latency.P99)/1000,
		100*o.Share(o.CPU.Client), 100*o.Share(o.CPU.Ingester), 100*o.Share(o.CPU.Postgres))
	reads.Table(s.stdout, r.Kinds) // also if it could not be written
	if written != nil {
		return written
	}
	fmt.Fprintf(s.stdout, "result %s\n", path)
	if o.Profile != "" {
		fmt.Fprintf(s.stdout, "profile %s: the ingester in the first %s of the reads\n", o.Profile, c.Warm+c.Measure)
	}
	return nil
}
