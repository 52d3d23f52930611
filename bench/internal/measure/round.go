package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/bench/internal/slowpg"
	"ingot/bench/internal/truth"
)

// round is one round of a scenario, as it is set up and runs. It belongs to one goroutine.
type round struct {
	env      *environment.Environment
	scenario scenario.Scenario
	window   Window

	database string // its URL; "" when it is not known
	proxy    *slowpg.Proxy
	servers  []*server.Server
	encoder  *mix.Encoder
	source   *mix.Source // deals the events of the load
	acks     *truth.Acks // the events that are settled
	lastID   int         // rows above it are this round's
	opened   monitor.CPU
	cpu      monitor.CPU // of the window that was closed last
}

// measureRound measures a scenario once, on a fresh database or on its copy of a full one, and
// checks the truth.
func measureRound(ctx context.Context, env *environment.Environment, s scenario.Scenario, w Window) (m result.Measurement, err error) {
	if s.Lasts > 0 {
		w.Measure = s.Lasts
	}
	r, err := setUp(ctx, env, s, w)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.tearDown(ctx)) }()
	before, err := r.reachSteadyState(ctx)
	if err != nil {
		return m, err
	}
	if m, err = r.measure(ctx); err != nil {
		return m, err
	}
	m.Counts.Add(before) // the truth check is about both loads
	return m, r.check(ctx, &m)
}

// measure runs the load, and reads before and after it what the ingesters allocate.
func (r *round) measure(ctx context.Context) (result.Measurement, error) {
	before, err := monitor.Mallocs(ctx, r.servers[0].Debug)
	if err != nil {
		return result.Measurement{}, err
	}
	m, err := r.loadAndWatch(ctx)
	if err == nil {
		err = nothingSettled(m, r.window.Measure)
	}
	if err != nil {
		return m, fmt.Errorf("load: %w", err)
	}
	m.Memory, m.Batch = r.peakMemory(), meanBatch(m.Samples)
	after, err := monitor.Mallocs(ctx, r.servers[0].Debug)
	// If there are several ingesters, this one served its share of the connections, so its count stands for each of them.
	m.Mallocs = float64(after-before) * float64(len(r.servers)) / float64(max(1, m.Counts.Events()))
	return m, err
}

// loadAndWatch runs the load, and beside it whatever else is wanted: samples of /stats, readers, a profile.
func (r *round) loadAndWatch(ctx context.Context) (m result.Measurement, err error) {
	readers := load.Readers{Address: r.servers[0].Address, Count: r.scenario.Readers}
	sampler := monitor.StartSampler(ctx, r.addresses())
	readers.Start(ctx)
	begin := time.Now()
	if r.scenario.OpenLoop() {
		m, err = r.ramp(ctx) // with a profile of each step
	} else {
		m, err = r.profiled(ctx, r.scenario.Name, r.load)
	}
	pages, failed := readers.Stop()
	m.Pages = float64(pages) / time.Since(begin).Seconds()
	m.Samples = sampler.Stop()
	return m, errors.Join(err, failed)
}

// load runs the load, closed or open.
func (r *round) load(ctx context.Context) (result.Measurement, error) {
	if r.scenario.OpenLoop() {
		return r.ramp(ctx)
	}
	tally, err := r.newLoad().ClosedLoop(ctx, r.scenario.Connections)
	if tally == nil {
		return result.Measurement{}, err
	}
	return r.summary(tally), err
}

func (r *round) newLoad() *load.Load {
	return &load.Load{
		Addresses: r.addresses(), Array: r.scenario.Array, Warm: r.window.Warm, Measure: r.window.Measure,
		Encoder: r.encoder, Source: r.source, Ack: r.acks.Add,
		WindowOpens: r.openWindow, WindowCloses: r.closeWindow,
	}
}

// profiled runs load and, if profiles are wanted, takes one of the first ingester's processor time meanwhile: while it warms
// up and is measured. The profile of the last round is kept; that of a load that fails is given up.
func (r *round) profiled(ctx context.Context, name string, load func(context.Context) (result.Measurement, error)) (result.Measurement, error) {
	if !r.env.Profiles {
		return load(ctx)
	}
	path := filepath.Join(r.env.DataDir, "profiles", name+".pprof")
	profiling, giveUp := context.WithCancel(ctx)
	defer giveUp()
	taken := make(chan error, 1)
	go func() { taken <- monitor.Profile(profiling, r.servers[0].Debug, r.window.Warm+r.window.Measure, path) }() // ends by itself or with giveUp, awaited below
	m, err := load(ctx)
	if err != nil {
		giveUp()
		<-taken
		return m, err
	}
	m.Profile = path
	return m, <-taken
}

// openWindow and closeWindow are called as the window of measurement opens and closes.
func (r *round) openWindow() { r.opened = r.readCPU() }

// closeWindow sets cpu.
func (r *round) closeWindow() { r.cpu = r.readCPU().Sub(r.opened) }

func (r *round) readCPU() monitor.CPU {
	postmaster := 0
	if r.env.Cluster != nil {
		postmaster = r.env.Cluster.PID()
	}
	return monitor.ReadCPU(r.pids(), postmaster)
}

// peakMemory is the largest resident set that an ingester has had, in bytes.
func (r *round) peakMemory() int64 { return monitor.PeakMemory(r.pids()) }

func (r *round) addresses() (all []string) {
	for _, s := range r.servers {
		all = append(all, s.Address)
	}
	return all
}

func (r *round) pids() (all []int) {
	for _, s := range r.servers {
		all = append(all, s.PID())
	}
	return all
}

// check stops the ingesters, so that nothing is under way, and then checks the truth.
func (r *round) check(ctx context.Context, m *result.Measurement) error {
	if r.database == "" {
		m.Unchecked = errNoDatabase.Error()
		return nil
	}
	if err := r.stopServers(); err != nil {
		return err
	}
	var err error
	m.Truth, err = truth.Check(ctx, r.database, r.encoder, r.acks.All(), r.lastID)
	m.Truth.Stored, m.Truth.Unknown = m.Counts.Stored, m.Counts.Failed
	return err
}

// errNoDatabase says why the limits and the truth check are left out.
var errNoDatabase = errors.New("needs --database-url as well as --url")
