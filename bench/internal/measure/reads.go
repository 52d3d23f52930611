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
	Rows, Topics int      // of the table
	Count        int      // reads of each kind
	Share        float64  // of the top speed
	Cold         bool     // the tables are not read once first
	Window       Window   // of the top speed
	Flags        []string // of the ingester
}

// ReadsArray and readsConnections are how many events a request to the ingester has, and how many connections write.
const (
	ReadsArray       = 100
	readsConnections = 8
)

// Measure brings everything up, finds the top speed, and reads at a part of it.
func (m *Reads) Measure(ctx context.Context, env *environment.Environment, r *result.Reads) (err error) {
	s := scenario.Scenario{
		Name: "reads", Base: m.Rows, Array: ReadsArray, Connections: readsConnections, Flags: m.Flags,
		Mix: mix.Mix{Topics: m.Topics, Duplicates: 0.30},
	}
	if err := DropDatabase(ctx, env, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, DropDatabase(ctx, env, s)) }()
	round, err := SetUp(ctx, env, s, m.Window)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, round.TearDown(ctx)) }()
	if r.Rows, err = m.countRows(ctx, round); err != nil {
		return err
	}
	began := time.Now()
	top, err := m.topSpeed(ctx, round)
	if err != nil {
		return err
	}
	r.Top = top.Events
	env.Progress.Begin("read", m.Count)
	defer env.Progress.End()
	read := reads.Run{
		Address: round.Servers[0].Address, Encoder: round.Encoder, Rows: m.Rows, Topics: m.Topics, Count: m.Count,
		Began: began, Progress: env.Progress.Set,
	}
	if err := m.readWhileWriting(ctx, round, read, r); err != nil {
		return err
	}
	r.Beside.Counts.Add(top.Counts) // the truth check is about both loads
	return round.Check(ctx, &r.Beside)
}

// countRows counts the rows of the tables, after it has read them once, unless they are to be read cold.
func (m *Reads) countRows(ctx context.Context, round *Round) (rows int, err error) {
	if !m.Cold {
		round.Progress.Say("read the tables once")
		if err := postgres.ReadOnce(ctx, round.Database); err != nil {
			return 0, err
		}
	}
	return postgres.Rows(ctx, round.Database)
}

// topSpeed is a run of the load with nothing beside it.
func (m *Reads) topSpeed(ctx context.Context, round *Round) (result.Measurement, error) {
	top, err := round.Load(ctx)
	if err == nil {
		err = NothingSettled(top, m.Window.Measure)
	}
	if err != nil {
		return top, fmt.Errorf("top speed: %w", err)
	}
	round.Progress.Say("top speed %.0f events/s", top.Events)
	return top, nil
}

// readWhileWriting reads while an open loop writes, for as long as the reads take.
func (m *Reads) readWhileWriting(ctx context.Context, round *Round, read reads.Run, r *result.Reads) error {
	rate := max(1, int(m.Share*r.Top/ReadsArray))
	events := load.Load{
		Addresses: []string{round.Servers[0].Address}, Array: ReadsArray, Measure: time.Hour,
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
		r.Kinds, err = read.Do(ctx)
		round.CloseWindow()
		stop()
		<-written
		tally.Elapsed = time.Since(begin)
		return round.Summary(tally), err
	})
	r.Beside.Asked = float64(rate)
	return err
}
