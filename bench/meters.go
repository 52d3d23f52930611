package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ingot/bench/internal/limit"
	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/bench/internal/slowpg"
)

// meter measures a limit, as often as measure is called. The figure is a rate, a second. close ends what the meter holds.
type meter struct {
	measure func(ctx context.Context) (float64, error)
	close   func()
}

// How much is measured of a limit. A limit is measured before and after every run, so its own time may be shorter than
// that of a run.
const (
	limitWarm    = 200 * time.Millisecond
	limitMeasure = time.Second
	limitCommits = 400 * time.Millisecond
	copyRows     = 100_000
	copyBytes    = 100 << 20 // large rows: only as many as have this size together
)

// openMeter makes the meter of a limit for a scenario. The meter sends the same events as the scenario, over as many
// connections.
func (h *house) openMeter(ctx context.Context, name string, s scenario.Scenario, window window) (*meter, error) {
	if other, ok := scenario.Find(name); ok {
		other.Emptied = s.FullTable() && !other.FullTable()
		other.Name += "-as-limit" // its profiles are not those of its own rounds
		return h.scenarioMeter(other, window), h.dropCopy(ctx, other)
	}
	if name != scenario.LimitNothing && h.cluster == nil {
		return nil, errNoDatabase
	}
	encoder, err := mix.NewEncoder(s.Mix)
	if err != nil {
		return nil, err
	}
	switch name {
	case scenario.LimitCopy:
		return h.copyMeter(ctx, encoder, s.RequestEvents())
	case scenario.LimitCommit:
		return h.commitMeter(ctx, s.CommitDelay)
	case scenario.LimitPour:
		return &meter{close: func() {}, measure: func(ctx context.Context) (float64, error) { return h.pour(ctx, s) }}, nil
	case scenario.LimitNothing:
		srv, err := server.StartLimit(ctx, h.self, h.logs, scenario.LimitNothing)
		if err != nil {
			return nil, err
		}
		return serverMeter(srv, encoder, s, func(context.Context) error { return nil }), nil
	case scenario.LimitBare, scenario.LimitNaive:
		return h.writingMeter(ctx, name, encoder, s)
	}
	return nil, fmt.Errorf("there is no limit or scenario %q", name)
}

// limitDatabase makes the database of a limit; drop drops it.
func (h *house) limitDatabase(ctx context.Context, limit string) (url string, drop func(), err error) {
	name := "bench_limit_" + limit
	url, err = h.cluster.CreateWithSchema(ctx, name)
	return url, func() { _ = h.cluster.Drop(context.WithoutCancel(ctx), name) }, err
}

func (h *house) copyMeter(ctx context.Context, e *mix.Encoder, size int) (*meter, error) {
	url, drop, err := h.limitDatabase(ctx, scenario.LimitCopy)
	if err != nil {
		return nil, err
	}
	rows := min(copyRows, max(1000, copyBytes/e.Len(0)))
	c, err := limit.OpenCopy(ctx, url, e, rows, size)
	if err != nil {
		return nil, err
	}
	return &meter{measure: c.Measure, close: func() { c.Close(context.WithoutCancel(ctx)); drop() }}, nil
}

// commitMeter goes through a proxy that delays commits if the scenario does: its commits are as slow then.
func (h *house) commitMeter(ctx context.Context, delay time.Duration) (*meter, error) {
	url, drop, err := h.limitDatabase(ctx, scenario.LimitCommit)
	if err != nil {
		return nil, err
	}
	closed := drop
	if delay > 0 {
		proxy, err := slowpg.Open(url, delay)
		if err != nil {
			return nil, fmt.Errorf("open proxy: %w", err)
		}
		closed = func() { proxy.Close(); drop() }
		if url, err = proxy.URL(url); err != nil {
			return nil, err
		}
	}
	return &meter{close: closed, measure: func(ctx context.Context) (float64, error) {
		median, err := limit.Commit(ctx, url, limitCommits)
		return 1 / median.Seconds(), err
	}}, nil
}

// writingMeter gives the server of a limit a database of its own, whose table is emptied before each measurement.
func (h *house) writingMeter(ctx context.Context, name string, e *mix.Encoder, s scenario.Scenario) (*meter, error) {
	url, drop, err := h.limitDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	srv, err := server.StartLimit(ctx, h.self, h.logs, name, "--database-url", url)
	if err != nil {
		return nil, err
	}
	m := serverMeter(srv, e, s, func(ctx context.Context) error { return postgres.Exec(ctx, url, "TRUNCATE ingot.events") })
	stop := m.close
	m.close = func() { stop(); drop() }
	return m, nil
}

// serverMeter drives the server of a limit as the scenario drives the ingester,
// one event a request.
func serverMeter(srv *server.Server, e *mix.Encoder, s scenario.Scenario, prepare func(context.Context) error) *meter {
	measure := func(ctx context.Context) (float64, error) {
		if err := prepare(ctx); err != nil {
			return 0, err
		}
		run := load.Closed{
			Addresses: []string{srv.Address}, Connections: max(1, s.Connections),
			Warm: limitWarm, Measure: limitMeasure,
			Encoder: e, Source: mix.NewSource(s.Mix.Duplicates, 0, 0),
		}
		t, err := run.Run(ctx)
		if err != nil {
			return 0, err
		}
		if len(t.Failures) > 0 {
			return 0, fmt.Errorf("limit: %v", t.Failures)
		}
		return t.Rate(t.Measured.Events()), nil
	}
	return &meter{measure: measure, close: func() { _ = srv.Stop() }}
}

// scenarioMeter measures another scenario as the limit: for example the same load on an empty table, with fewer indexes, or
// with one ingester.
func (h *house) scenarioMeter(other scenario.Scenario, w window) *meter {
	measure := func(ctx context.Context) (float64, error) {
		r, err := h.round(ctx, other, w)
		return r.Events, errors.Join(err, r.Truth.Err())
	}
	return &meter{measure: measure, close: func() { _ = h.dropCopy(context.Background(), other) }}
}
