package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Limit is what a scenario is held against.
type Limit struct {
	Name    string
	Measure func(ctx context.Context) (float64, error) // a rate per second; called as often as wanted
	ends    []func()                                   // what Close does, the last one first
}

// Close ends what the Limit holds.
func (l *Limit) Close() {
	for _, end := range slices.Backward(l.ends) {
		end()
	}
}

func (l *Limit) onClose(end func()) { l.ends = append(l.ends, end) }

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
	l := &Limit{Name: name}
	if err := l.open(ctx, env, s, w); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Limit) open(ctx context.Context, env *environment.Environment, s scenario.Scenario, w Window) error {
	if other, ok := scenario.Find(l.Name); ok {
		other.Emptied = s.FullTable() && !other.FullTable()
		return l.openScenario(ctx, env, other, w)
	}
	if l.Name != scenario.LimitNothing && env.Cluster == nil {
		return errNoDatabase
	}
	encoder, err := mix.NewEncoder(s.Mix)
	if err != nil {
		return err
	}
	switch l.Name {
	case scenario.LimitPour:
		l.Measure = func(ctx context.Context) (float64, error) { return pour(ctx, env, s) }
		return nil
	case scenario.LimitNothing:
		return l.openServer(ctx, env, "", encoder, s)
	}
	url, err := l.openDatabase(ctx, env)
	if err != nil {
		return err
	}
	switch l.Name {
	case scenario.LimitCopy:
		return l.openCopy(ctx, url, encoder, s.RequestEvents())
	case scenario.LimitCommit:
		return l.openCommit(url, s.CommitDelay)
	}
	return l.openServer(ctx, env, url, encoder, s)
}

// openScenario measures another scenario as the limit: for example the same load on an empty table, with fewer indexes, or
// with one ingester.
func (l *Limit) openScenario(ctx context.Context, env *environment.Environment, other scenario.Scenario, w Window) error {
	other.Name += "-as-limit" // its profiles are not those of its own rounds
	l.onClose(func() { _ = dropDatabase(ctx, env, other) })
	l.Measure = func(ctx context.Context) (float64, error) {
		m, err := measureRound(ctx, env, other, w)
		return m.Events, errors.Join(err, m.Truth.Err())
	}
	return dropDatabase(ctx, env, other)
}

// openDatabase makes a database of the limit's own, with the tables of the ingester.
func (l *Limit) openDatabase(ctx context.Context, env *environment.Environment) (url string, err error) {
	name := "bench_limit_" + l.Name
	if err := env.Cluster.Create(ctx, name); err != nil {
		return "", err
	}
	l.onClose(func() { _ = env.Cluster.Drop(context.WithoutCancel(ctx), name) })
	return env.Cluster.URL(name), postgres.Exec(ctx, env.Cluster.URL(name), ingot.Schema)
}

func (l *Limit) openCopy(ctx context.Context, url string, e *mix.Encoder, size int) error {
	rows := min(copyRows, max(1000, copyBytes/e.Len(0)))
	c, err := limit.OpenCopy(ctx, url, e, rows, size)
	if err != nil {
		return err
	}
	l.onClose(func() { c.Close(context.WithoutCancel(ctx)) })
	l.Measure = c.Measure
	return nil
}

// openCommit goes through a proxy if the scenario does, so that its commits are delayed by as much.
func (l *Limit) openCommit(url string, delay time.Duration) error {
	if delay > 0 {
		proxy, err := slowpg.Open(url, delay)
		if err != nil {
			return fmt.Errorf("open proxy: %w", err)
		}
		l.onClose(proxy.Close)
		url = proxy.URL
	}
	l.Measure = func(ctx context.Context) (float64, error) {
		median, err := limit.Commit(ctx, url, limitCommits)
		return 1 / median.Seconds(), err
	}
	return nil
}

// openServer drives the server of the limit as the scenario drives the ingester, one event a request. The table of its database,
// if it has one, is emptied before each measurement.
func (l *Limit) openServer(ctx context.Context, env *environment.Environment, url string, e *mix.Encoder, s scenario.Scenario) error {
	srv, err := server.StartLimit(ctx, env.Self, env.Logs, l.Name, url)
	if err != nil {
		return err
	}
	l.onClose(func() { _ = srv.Stop() })
	l.Measure = func(ctx context.Context) (float64, error) {
		if url != "" {
			if err := postgres.Exec(ctx, url, "TRUNCATE ingot.events"); err != nil {
				return 0, err
			}
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
	return nil
}
