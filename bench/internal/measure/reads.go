package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/reads"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
)

// Reads is what bench reads measures: reads of a large table while an ingester writes to it at a part of its top speed.
type Reads struct {
	Rows, Topics int     // of the table
	Count        int     // reads of each kind
	Share        float64 // of the top speed
	Cold         bool    // the tables are not read once first
	Window       Window  // of the top speed
}

// ReadsArray and readsConnections are how many events a request to the ingester has, and how many connections write.
const (
	ReadsArray       = 100
	readsConnections = 8
)

// Measure brings everything up, finds the top speed, and reads at a part of it.
func (m *Reads) Measure(ctx context.Context, env *environment.Environment, out *result.Reads) (err error) {
	s := scenario.Scenario{
		Name: "reads", Base: m.Rows, Array: ReadsArray, Connections: readsConnections,
		Mix: mix.Mix{Topics: m.Topics, Duplicates: 0.30},
	}
	if err := dropDatabase(ctx, env, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dropDatabase(ctx, env, s)) }()
	r, err := setUp(ctx, env, s, m.Window)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.tearDown(ctx)) }()
	if out.Rows, err = m.countRows(ctx, r); err != nil {
		return err
	}
	began := time.Now()
	top, err := m.topSpeed(ctx, r)
	if err != nil {
		return err
	}
	out.Top = top.Events
	env.Progress.Begin("read", m.Count)
	defer env.Progress.End()
	read := reads.Run{
		Address: r.servers[0].Address, Encoder: r.encoder, Rows: m.Rows, Topics: m.Topics, Count: m.Count,
		Began: began, Progress: env.Progress.Set,
	}
	if err := m.readWhileWriting(ctx, r, read, out); err != nil {
		return err
	}
	out.Beside.Counts.Add(top.Counts) // the truth check is about both loads
	return r.check(ctx, &out.Beside)
}

// countRows counts the rows of the tables, after it has read them once, unless they are to be read cold.
func (m *Reads) countRows(ctx context.Context, r *round) (rows int, err error) {
	if !m.Cold {
		r.env.Progress.Say("read the tables once")
		if err := postgres.ReadOnce(ctx, r.database); err != nil {
			return 0, err
		}
	}
	return postgres.Rows(ctx, r.database)
}

// topSpeed is a run of the load with nothing beside it.
func (m *Reads) topSpeed(ctx context.Context, r *round) (result.Measurement, error) {
	top, err := r.load(ctx)
	if err == nil {
		err = nothingSettled(top, m.Window.Measure)
	}
	if err != nil {
		return top, fmt.Errorf("top speed: %w", err)
	}
	r.env.Progress.Say("top speed %.0f events/s", top.Events)
	return top, nil
}

// readWhileWriting reads while an open loop writes, for as long as the reads take.
func (m *Reads) readWhileWriting(ctx context.Context, r *round, read reads.Run, out *result.Reads) error {
	rate := max(1, int(m.Share*out.Top/ReadsArray))
	events := load.Load{
		Addresses: []string{r.servers[0].Address}, Array: ReadsArray, Measure: time.Hour,
		Encoder: r.encoder, Source: r.source, Ack: r.acks.Add,
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	out.Beside, err = r.profiled(ctx, r.scenario.Name, func(ctx context.Context) (result.Measurement, error) {
		var tally *load.Tally
		written := make(chan struct{})
		begin := time.Now()
		r.openWindow()
		go func() { tally, _ = events.OpenLoop(writing, rate); close(written) }() // ends with stop, awaited below
		var err error
		out.Kinds, err = read.Do(ctx)
		r.closeWindow()
		stop()
		<-written
		tally.Elapsed = time.Since(begin)
		return r.summary(tally), err
	})
	out.Beside.Asked = float64(rate)
	return err
}
