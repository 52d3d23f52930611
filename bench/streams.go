package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/streams"
)

// streamsCommand measures how long events take from the publisher to the streams that follow.
type streamsCommand struct {
	ingesterFlags
	Streams int           `default:"1000" help:"Streams to open."`
	Topics  int           `default:"100" help:"Topics that they are spread over; each stream follows one."`
	Rates   []int         `default:"1000,2500,5000,10000" help:"Events per second, one rate after the other."`
	Stop    int           `default:"10" help:"How many streams stop reading in a last run at the highest rate."`
	During  time.Duration `default:"20s" help:"How long events are published at each rate."`
	Flag    []string      `placeholder:"FLAG" help:"A flag for the ingester, such as --flag=--stream-buffer=1024."`
	Out     string        `placeholder:"FILE" help:"Where the result goes. Default: below --data-dir."`
}

// streamArray is how many events a request has.
const streamArray = 100

// streamsResult is the result of bench streams.
type streamsResult struct {
	result.Result
	Runs []streamsRun `json:"runs"`
}

type streamsRun struct {
	streams.Outcome
	Seconds float64     `json:"seconds"` // until the last event was received
	CPU     monitor.CPU `json:"cpu"`
	Memory  int64       `json:"memory"` // peak of the ingester since its start, bytes
}

func (c *streamsCommand) Run(ctx context.Context, s output) (err error) {
	env, err := environment.Open(ctx, c.options(), s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	empty, err := env.NewResult(ctx, command(os.Args[1:]))
	if err != nil {
		return err
	}
	r := &streamsResult{Result: *empty}
	if err := c.measure(ctx, env, r); err != nil {
		r.table(s.stdout) // what was measured before
		return err
	}
	return c.finish(s, r)
}

// measure measures each rate, and then the highest with streams that stop reading.
func (c *streamsCommand) measure(ctx context.Context, env *environment.Environment, r *streamsResult) error {
	for _, rate := range c.Rates {
		if err := c.measureRate(ctx, env, r, rate, 0); err != nil {
			return err
		}
	}
	if c.Stop == 0 {
		return nil
	}
	return c.measureRate(ctx, env, r, slices.Max(c.Rates), c.Stop)
}

// measureRate measures a rate on a database and an ingester of its own.
func (c *streamsCommand) measureRate(ctx context.Context, env *environment.Environment, r *streamsResult, rate, stopped int) (err error) {
	round, err := measure.SetUp(ctx, env, scenario.Scenario{Name: "streams", Flags: c.Flag}, measure.Window{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, round.TearDown(ctx)) }()
	run := streams.Run{
		Address: round.Servers[0].Address, Name: "bench", Streams: c.Streams - stopped, Stopped: stopped, Topics: c.Topics,
		Rate: rate, Array: streamArray, During: c.During, Progress: env.Progress.Set,
	}
	var opened time.Time
	var seconds float64
	run.WindowOpens = func() { opened = time.Now(); round.OpenWindow() }
	run.WindowCloses = func() { seconds = time.Since(opened).Seconds(); round.CloseWindow() }
	what := fmt.Sprintf("%d streams, %d of them stop reading, %d events/s", c.Streams, stopped, rate)
	env.Progress.Begin(what, int(c.During.Seconds()*float64(rate)))
	defer env.Progress.End()
	o, err := run.Do(ctx)
	if errors.Is(err, streams.ErrNotCutOff) {
		err = fmt.Errorf("%w. That happens 10 s (--stream-stall) after some 10,000 events have filled the buffers on the way: publish more with a longer --during or higher --rates, or use --stop=0, so that none stops", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	r.Runs = append(r.Runs, streamsRun{o, seconds, round.CPU, round.PeakMemory()})
	return nil
}

// finish prints the table and leaves the result.
func (c *streamsCommand) finish(s output, r *streamsResult) error {
	path := c.resultPath(c.Out, r.Started, "-streams")
	err := result.Write(path, r)
	r.table(s.stdout) // also if it could not be written
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "no stream missed an event; every stream that stopped reading was cut off, and received the rest once it came back\nresult %s\n", path)
	return nil
}

func (r *streamsResult) table(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "read\tstopped\tasked/s\tevents/s\tdeliveries/s\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\tCPU client\tingester\tPostgres\tRSS MB\t")
	for _, u := range r.Runs {
		millis := func(micros int64) string { return fmt.Sprintf("%.1f", float64(micros)/1000) }
		cores := func(d time.Duration) string { return fmt.Sprintf("%.0f%%", 100*d.Seconds()/u.Seconds) }
		fmt.Fprintf(t, "%d\t%d\t%d\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", u.Streams, u.Stopped, u.Asked, u.Events, u.Delivered,
			millis(u.P50), millis(u.P99), millis(u.P999), millis(u.Max), cores(u.CPU.Client), cores(u.CPU.Ingester), cores(u.CPU.Postgres), u.Memory>>20)
	}
	t.Flush()
}
