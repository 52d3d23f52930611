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

// Round is one round of a scenario, as it is set up and runs. It belongs to one goroutine.
type Round struct {
	*environment.Environment
	scenario.Scenario
	Window
	Encoder  *mix.Encoder
	Source   *mix.Source // deals the events of the load
	Acks     *truth.Acks // the events that are settled
	Database string      // its URL; "" when it is not known
	Servers  []*server.Server
	CPU      monitor.CPU // of the window that was closed last
	proxy    *slowpg.Proxy
	lastID   int // rows above it are this round's
	opened   monitor.CPU
}

// measureRound measures a scenario once, on a fresh database or on its copy of a full one, and
// checks the truth.
func measureRound(ctx context.Context, env *environment.Environment, s scenario.Scenario, w Window) (m result.Measurement, err error) {
	if s.Lasts > 0 {
		w.Measure = s.Lasts
	}
	r, err := SetUp(ctx, env, s, w)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.TearDown(ctx)) }()
	before, err := r.reachSteadyState(ctx)
	if err != nil {
		return m, err
	}
	if m, err = r.measure(ctx); err != nil {
		return m, err
	}
	m.Counts.Add(before) // the truth check is about both loads
	return m, r.Check(ctx, &m)
}

// measure runs the load, and reads before and after it what the ingesters allocate.
func (r *Round) measure(ctx context.Context) (result.Measurement, error) {
	before, err := monitor.Mallocs(ctx, r.Servers[0].Debug)
	if err != nil {
		return result.Measurement{}, err
	}
	m, err := r.loadAndWatch(ctx)
	if err == nil {
		err = NothingSettled(m, r.Measure)
	}
	if err != nil {
		return m, fmt.Errorf("load: %w", err)
	}
	m.Memory, m.Batch = r.PeakMemory(), meanBatch(m.Samples)
	after, err := monitor.Mallocs(ctx, r.Servers[0].Debug)
	// If there are several ingesters, this one served its share of the connections, so its count stands for each of them.
	m.Mallocs = float64(after-before) * float64(len(r.Servers)) / float64(max(1, m.Counts.Events()))
	return m, err
}

// loadAndWatch runs the load, and beside it whatever else is wanted: samples of /stats, readers, a profile.
func (r *Round) loadAndWatch(ctx context.Context) (m result.Measurement, err error) {
	readers := load.Readers{Address: r.Servers[0].Address, Count: r.Readers}
	sampler := monitor.StartSampler(ctx, r.addresses())
	readers.Start(ctx)
	begin := time.Now()
	if r.OpenLoop() {
		m, err = r.ramp(ctx) // with a profile of each step
	} else {
		m, err = r.Profiled(ctx, r.Name, r.Load)
	}
	pages, failed := readers.Stop()
	m.Pages = float64(pages) / time.Since(begin).Seconds()
	m.Samples = sampler.Stop()
	return m, errors.Join(err, failed)
}

// Load runs the load, closed or open.
func (r *Round) Load(ctx context.Context) (result.Measurement, error) {
	if r.OpenLoop() {
		return r.ramp(ctx)
	}
	tally, err := r.newLoad().ClosedLoop(ctx, r.Connections)
	if tally == nil {
		return result.Measurement{}, err
	}
	return r.Summary(tally), err
}

func (r *Round) newLoad() *load.Load {
	return &load.Load{
		Addresses: r.addresses(), Array: r.Array, Warm: r.Warm, Measure: r.Measure,
		Encoder: r.Encoder, Source: r.Source, Ack: r.Acks.Add,
		WindowOpens: r.OpenWindow, WindowCloses: r.CloseWindow,
	}
}

// Profiled runs load and, if profiles are wanted, takes one of the first ingester's processor time meanwhile: while it warms
// up and is measured. The profile of the last round is kept; that of a load that fails is given up.
func (r *Round) Profiled(ctx context.Context, name string, load func(context.Context) (result.Measurement, error)) (result.Measurement, error) {
	if !r.Profiles {
		return load(ctx)
	}
	path := filepath.Join(r.DataDir, "profiles", name+".pprof")
	profiling, giveUp := context.WithCancel(ctx)
	defer giveUp()
	taken := make(chan error, 1)
	go func() { taken <- monitor.Profile(profiling, r.Servers[0].Debug, r.Warm+r.Measure, path) }() // ends by itself or with giveUp, awaited below
	m, err := load(ctx)
	if err != nil {
		giveUp()
		<-taken
		return m, err
	}
	m.Profile = path
	return m, <-taken
}

// OpenWindow and CloseWindow are called as the window of measurement opens and closes.
func (r *Round) OpenWindow() { r.opened = r.readCPU() }

// CloseWindow sets CPU.
func (r *Round) CloseWindow() { r.CPU = r.readCPU().Sub(r.opened) }

func (r *Round) readCPU() monitor.CPU {
	postmaster := 0
	if r.Cluster != nil {
		postmaster = r.Cluster.PID()
	}
	return monitor.ReadCPU(r.pids(), postmaster)
}

// PeakMemory is the largest resident set that an ingester has had, in bytes.
func (r *Round) PeakMemory() int64 { return monitor.PeakMemory(r.pids()) }

func (r *Round) addresses() (all []string) {
	for _, s := range r.Servers {
		all = append(all, s.Address)
	}
	return all
}

func (r *Round) pids() (all []int) {
	for _, s := range r.Servers {
		all = append(all, s.PID())
	}
	return all
}

// Check stops the ingesters, so that nothing is under way, and then checks the truth.
func (r *Round) Check(ctx context.Context, m *result.Measurement) error {
	if r.Database == "" {
		m.Unchecked = errNoDatabase.Error()
		return nil
	}
	if err := r.stopServers(); err != nil {
		return err
	}
	var err error
	m.Truth, err = truth.Check(ctx, r.Database, r.Encoder, r.Acks.All(), r.lastID)
	m.Truth.Stored, m.Truth.Unknown = m.Counts.Stored, m.Counts.Failed
	return err
}

// errNoDatabase says why the limits and the truth check are left out.
var errNoDatabase = errors.New("needs --database-url as well as --url")
