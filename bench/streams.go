package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/result"
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

func (c *streamsCommand) Run(ctx context.Context, s output) (err error) {
	env, err := environment.Open(ctx, c.options(), s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	env.IngesterFlags = c.Flag
	empty, err := env.NewResult(ctx, command(os.Args[1:]))
	if err != nil {
		return err
	}
	r := &result.Streams{Result: *empty}
	m := measure.Streams{Streams: c.Streams, Topics: c.Topics, Rates: c.Rates, Stop: c.Stop, During: c.During}
	if err := m.Measure(ctx, env, r); err != nil {
		streamsTable(s.stdout, r.Runs) // what was measured before
		return err
	}
	return c.finish(s, r)
}

// finish prints the table and leaves the result.
func (c *streamsCommand) finish(s output, r *result.Streams) error {
	path := c.resultPath(c.Out, r.Started, "-streams")
	err := result.Write(path, r)
	streamsTable(s.stdout, r.Runs) // also if it could not be written
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "no stream missed an event; every stream that stopped reading was cut off, and received the rest once it came back\nresult %s\n", path)
	return nil
}

func streamsTable(out io.Writer, runs []result.StreamsRun) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "read\tstopped\tasked/s\tevents/s\tdeliveries/s\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\tCPU client\tingester\tPostgres\tRSS MB\t")
	for _, u := range runs {
		millis := func(micros int64) string { return fmt.Sprintf("%.1f", float64(micros)/1000) }
		cores := func(d time.Duration) string { return fmt.Sprintf("%.0f%%", 100*d.Seconds()/u.Seconds) }
		fmt.Fprintf(t, "%d\t%d\t%d\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", u.Streams, u.Stopped, u.Asked, u.Events, u.Delivered,
			millis(u.P50), millis(u.P99), millis(u.P999), millis(u.Max), cores(u.CPU.Client), cores(u.CPU.Ingester), cores(u.CPU.Postgres), u.Memory>>20)
	}
	t.Flush()
}
