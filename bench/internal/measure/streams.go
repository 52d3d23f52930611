package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/streams"
)

// Streams is what bench streams measures: how long events take from the publisher to the streams that follow.
type Streams struct {
	Streams int           // to open
	Topics  int           // that they are spread over
	Rates   []int         // events a second, one after the other
	Stop    int           // streams that stop reading in a last run at the highest rate
	During  time.Duration // of each run
}

// streamsArray is how many events a request has.
const streamsArray = 100

// Measure measures each rate, and then the highest with streams that stop reading.
func (m *Streams) Measure(ctx context.Context, env *environment.Environment, out *result.Streams) error {
	for _, rate := range m.Rates {
		if err := m.measureRate(ctx, env, out, rate, 0); err != nil {
			return err
		}
	}
	if m.Stop == 0 {
		return nil
	}
	return m.measureRate(ctx, env, out, slices.Max(m.Rates), m.Stop)
}

// measureRate measures a rate on a database and an ingester of its own.
func (m *Streams) measureRate(ctx context.Context, env *environment.Environment, out *result.Streams, rate, stopped int) (err error) {
	r, err := setUp(ctx, env, scenario.Scenario{Name: "streams"}, Window{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.tearDown(ctx)) }()
	run := streams.Run{
		Address: r.servers[0].Address, Streams: m.Streams - stopped, Stopped: stopped, Topics: m.Topics,
		Rate: rate, Array: streamsArray, During: m.During, Progress: env.Progress.Set,
	}
	var opened time.Time
	var seconds float64
	run.WindowOpens = func() { opened = time.Now(); r.openWindow() }
	run.WindowCloses = func() { seconds = time.Since(opened).Seconds(); r.closeWindow() }
	what := fmt.Sprintf("%d streams, %d of them stop reading, %d events/s", m.Streams, stopped, rate)
	env.Progress.Begin(what, int(m.During.Seconds()*float64(rate)))
	defer env.Progress.End()
	o, err := run.Do(ctx)
	if errors.Is(err, streams.ErrNotCutOff) {
		err = fmt.Errorf("%w. That happens 10 s (--stream-stall) after some 10,000 events have filled the buffers on the way: publish more with a longer --during or higher --rates, or use --stop=0, so that none stops", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	out.Runs = append(out.Runs, result.StreamsRun{Outcome: o, Seconds: seconds, CPU: r.cpu, Memory: r.peakMemory()})
	return nil
}
