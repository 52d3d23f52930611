package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/reads"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
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

// readsResult is the result of bench reads: what was read, and what was written meanwhile (Beside).
type readsResult struct {
	result.Result
	Rows   int                `json:"rows"` // when the reads began
	Topics int                `json:"topics"`
	Top    float64            `json:"top"` // events/s, closed loop
	Beside result.Measurement `json:"beside"`
	Reads  []reads.Figure     `json:"reads"`
}

// readArray and readConnections are how many events a request to the ingester has, and how many connections write.
const (
	readArray       = 100
	readConnections = 8
)

func (c *readsCommand) scenario() scenario.Scenario {
	return scenario.Scenario{
		Name: "reads", Base: c.Rows, Array: readArray, Connections: readConnections, Flags: c.Flag,
		Mix: mix.Mix{Topics: c.Topics, Duplicates: 0.30},
	}
}

func (c *readsCommand) Run(ctx context.Context, s output) (err error) {
	env, err := environment.Open(ctx, c.options(), s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	env.Profiles = c.Profile
	empty, err := env.NewResult(ctx, command(os.Args[1:]))
	if err != nil {
		return err
	}
	r := &readsResult{Result: *empty, Topics: c.Topics}
	if err := c.measure(ctx, env, r); err != nil {
		return err
	}
	return c.finish(s, r)
}

// measure brings everything up, finds the top speed, and reads at a part of it.
func (c *readsCommand) measure(ctx context.Context, env *environment.Environment, r *readsResult) (err error) {
	s := c.scenario()
	if err := measure.DropDatabase(ctx, env, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, measure.DropDatabase(ctx, env, s)) }()
	round, err := measure.SetUp(ctx, env, s, measure.Window{Warm: c.Warm, Measure: c.Measure})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, round.TearDown(ctx)) }()
	if r.Rows, err = c.countRows(ctx, round); err != nil {
		return err
	}
	began := time.Now()
	top, err := c.topSpeed(ctx, round)
	if err != nil {
		return err
	}
	r.Top = top.Events
	env.Progress.Begin("read", c.Count)
	defer env.Progress.End()
	read := reads.Run{
		Address: round.Servers[0].Address, Encoder: round.Encoder, Rows: c.Rows, Topics: c.Topics, Count: c.Count,
		Began: began, Progress: env.Progress.Set,
	}
	if err := c.readWhileWriting(ctx, round, read, r); err != nil {
		return err
	}
	r.Beside.Counts.Add(top.Counts) // the truth check is about both loads
	return round.Check(ctx, &r.Beside)
}

// countRows counts the rows of the tables, after it has read them once, unless they are to be read cold.
func (c *readsCommand) countRows(ctx context.Context, round *measure.Round) (rows int, err error) {
	if !c.Cold {
		round.Progress.Say("read the tables once")
		if err := postgres.ReadOnce(ctx, round.Database); err != nil {
			return 0, err
		}
	}
	return postgres.Rows(ctx, round.Database)
}

// topSpeed is a run of the load with nothing beside it.
func (c *readsCommand) topSpeed(ctx context.Context, round *measure.Round) (result.Measurement, error) {
	top, err := round.Load(ctx)
	if err == nil {
		err = measure.NothingSettled(top, c.Measure)
	}
	if err != nil {
		return top, fmt.Errorf("top speed: %w", err)
	}
	round.Progress.Say("top speed %.0f events/s", top.Events)
	return top, nil
}

// readWhileWriting reads while an open loop writes, for as long as the reads take.
func (c *readsCommand) readWhileWriting(ctx context.Context, round *measure.Round, read reads.Run, r *readsResult) error {
	rate := max(1, int(c.Share*r.Top/readArray))
	events := load.Load{
		Addresses: []string{round.Servers[0].Address}, Array: readArray, Measure: time.Hour,
		Encoder: round.Encoder, Source: round.Source, Ack: round.Acks.Add,
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	r.Beside, err = round.Profiled(ctx, round.Name, func(ctx context.Context) (result.Measurement, error) {
		var tally *load.Tally
		written := make(chan struct{})
		begin := time.Now()
		round.OpenWindow()
		go func() { tally, _ = events.OpenLoop(writing, rate); close(written) }() // ends with stop, awaited below
		var err error
		r.Reads, err = read.Do(ctx)
		round.CloseWindow()
		stop()
		<-written
		tally.Elapsed = time.Since(begin)
		return round.Summary(tally), err
	})
	r.Beside.Asked = float64(rate)
	return err
}

// finish prints the table and leaves the result.
func (c *readsCommand) finish(s output, r *readsResult) error {
	path := c.resultPath(c.Out, r.Started, "-reads")
	written := result.Write(path, r)
	if err := r.Beside.Truth.Err(); err != nil {
		return errors.Join(err, written) // no figures
	}
	o := &r.Beside
	fmt.Fprintf(s.stdout, "%d rows, %d topics; top speed %.0f events/s; meanwhile %.0f events/s, asked %.0f: p50 %.1f ms, p99 %.1f ms; CPU client %.0f%%, ingester %.0f%%, Postgres %.0f%%\n",
		r.Rows, r.Topics, r.Top, o.Events, o.Asked*readArray, float64(o.Latency.P50)/1000, float64(o.Latency.P99)/1000,
		100*o.Share(o.CPU.Client), 100*o.Share(o.CPU.Ingester), 100*o.Share(o.CPU.Postgres))
	reads.Table(s.stdout, r.Reads) // also if it could not be written
	if written != nil {
		return written
	}
	fmt.Fprintf(s.stdout, "result %s\n", path)
	if o.Profile != "" {
		fmt.Fprintf(s.stdout, "profile %s: the ingester in the first %s of the reads\n", o.Profile, c.Warm+c.Measure)
	}
	return nil
}
