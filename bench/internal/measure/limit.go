package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ingot"
	"ingot/bench/internal/environment"
	"ingot/bench/internal/limit"
	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/bench/internal/slowpg"
)

// Limit is what a scenario is held against. Measure measures it, as often as it is called, and returns a rate per second. Close
// ends what the Limit holds.
type Limit struct {
	Measure func(ctx context.Context) (float64, error)
	Close   func()
}

// How much is measured of a limit. A limit is measured before and after every round, so its own time may be shorter
// than that of a round.
const (
	limitWarm    = 200 * time.Millisecond
	limitMeasure = time.Second
	limitCommits = 400 * time.Millisecond
	copyRows     = 100_000
	copyBytes    = 100 << 20 // large rows: only as many as have this size together
)

// OpenLimit opens the limit of that name for a scenario: the same events are sent, over as many connections. Another scenario
// as the limit is measured in the window w.
func OpenLimit(ctx context.Context, env *environment.Environment, name string, s scenario.Scenario, w Window) (*Limit, error) {
	if other, ok := scenario.Find(name); ok {
		other.Emptied = s.FullTable() && !other.FullTable()
		other.Name += "-as-limit" // its profiles are not those of its own rounds
		return scenarioLimit(env, other, w), DropDatabase(ctx, env, other)
	}
	if name != scenario.LimitNothing && env.Cluster == nil {
		return nil, errNoDatabase
	}
	encoder, err := mix.NewEncoder(s.Mix)
	if err != nil {
		return nil, err
	}
	switch name {
	case scenario.LimitPour:
		return &Limit{Close: func() {}, Measure: func(ctx context.Context) (float64, error) { return pour(ctx, env, s) }}, nil
	case scenario.LimitNothing:
		srv, err := server.StartLimit(ctx, env.Self, env.Logs, scenario.LimitNothing)
		if err != nil {
			return nil, err
		}
		return serverLimit(srv, encoder, s, func(context.Context) error { return nil }), nil
	case scenario.LimitCopy:
		return withDatabase(ctx, env, name, func(url string) (*Limit, error) { return copyLimit(ctx, url, encoder, s.RequestEvents()) })
	case scenario.LimitCommit:
		return withDatabase(ctx, env, name, func(url string) (*Limit, error) { return commitLimit(url, s.CommitDelay) })
	case scenario.LimitBare, scenario.LimitNaive:
		return withDatabase(ctx, env, name, func(url string) (*Limit, error) { return writingLimit(ctx, env, name, url, encoder, s) })
	}
	return nil, fmt.Errorf("unknown limit or scenario %q", name)
}

// withDatabase opens a limit on a database of its own, which is dropped with it.
func withDatabase(ctx context.Context, env *environment.Environment, limit string, open func(url string) (*Limit, error)) (*Limit, error) {
	database := "bench_limit_" + limit
	if err := env.Cluster.Create(ctx, database); err != nil {
		return nil, err
	}
	drop := func() { _ = env.Cluster.Drop(context.WithoutCancel(ctx), database) }
	url := env.Cluster.URL(database)
	if err := postgres.Exec(ctx, url, ingot.Schema); err != nil {
		drop()
		return nil, err
	}
	l, err := open(url)
	if err != nil {
		drop()
		return nil, err
	}
	end := l.Close
	l.Close = func() { end(); drop() }
	return l, nil
}

func copyLimit(ctx context.Context, url string, e *mix.Encoder, size int) (*Limit, error) {
	rows := min(copyRows, max(1000, copyBytes/e.Len(0)))
	c, err := limit.OpenCopy(ctx, url, e, rows, size)
	if err != nil {
		return nil, err
	}
	return &Limit{Measure: c.Measure, Close: func() { c.Close(context.WithoutCancel(ctx)) }}, nil
}

// commitLimit goes through a proxy if the scenario does, so that its commits are delayed by as much.
func commitLimit(url string, delay time.Duration) (*Limit, error) {
	end := func() {}
	if delay > 0 {
		proxy, err := slowpg.Open(url, delay)
		if err != nil {
			return nil, fmt.Errorf("open proxy: %w", err)
		}
		url, end = proxy.URL, proxy.Close
	}
	return &Limit{Close: end, Measure: func(ctx context.Context) (float64, error) {
		median, err := limit.Commit(ctx, url, limitCommits)
		return 1 / median.Seconds(), err
	}}, nil
}

// writingLimit starts the server of a limit on a database whose table is emptied before each measurement.
func writingLimit(ctx context.Context, env *environment.Environment, name, url string, e *mix.Encoder, s scenario.Scenario) (*Limit, error) {
	srv, err := server.StartLimit(ctx, env.Self, env.Logs, name, "--database-url", url)
	if err != nil {
		return nil, err
	}
	return serverLimit(srv, e, s, func(ctx context.Context) error { return postgres.Exec(ctx, url, "TRUNCATE ingot.events") }), nil
}

// serverLimit drives the server of a limit as the scenario drives the ingester,
// one event a request.
func serverLimit(srv *server.Server, e *mix.Encoder, s scenario.Scenario, prepare func(context.Context) error) *Limit {
	measure := func(ctx context.Context) (float64, error) {
		if err := prepare(ctx); err != nil {
			return 0, err
		}
		events := load.Load{
			Addresses: []string{srv.Address}, Warm: limitWarm, Measure: limitMeasure,
			Encoder: e, Source: mix.NewSource(s.Mix.Duplicates, 0, 0),
		}
		t, err := events.ClosedLoop(ctx, max(1, s.Connections))
		if err != nil {
			return 0, err
		}
		if len(t.Failures) > 0 {
			return 0, fmt.Errorf("limit: %v", t.Failures)
		}
		return t.Rate(t.Measured.Events()), nil
	}
	return &Limit{Measure: measure, Close: func() { _ = srv.Stop() }}
}

// scenarioLimit measures another scenario as the limit: for example the same load on an empty table, with fewer indexes, or
// with one ingester.
func scenarioLimit(env *environment.Environment, other scenario.Scenario, w Window) *Limit {
	measure := func(ctx context.Context) (float64, error) {
		m, err := measureRound(ctx, env, other, w)
		return m.Events, errors.Join(err, m.Truth.Err())
	}
	return &Limit{Measure: measure, Close: func() { _ = DropDatabase(context.Background(), env, other) }}
}
