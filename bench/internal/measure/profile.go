package measure

import (
	"context"
	"path/filepath"

	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
)

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
