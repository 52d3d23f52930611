package measure

import (
	"context"
	"errors"
	"path/filepath"

	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
)

// Profiled runs load and, if profiles are wanted, takes one of the first ingester's processor time meanwhile: while it warms
// up and is measured. The profile of the last round is kept.
func (r *Round) Profiled(ctx context.Context, name string, load func(context.Context) (result.Measurement, error)) (result.Measurement, error) {
	if !r.Profiles {
		return load(ctx)
	}
	path := filepath.Join(r.DataDir, "profiles", name+".pprof")
	taken := make(chan error, 1)
	go func() { taken <- monitor.Profile(ctx, r.Servers[0].Debug, r.Warm+r.Measure, path) }() // ends by itself, awaited below
	m, err := load(ctx)
	m.Profile = path
	return m, errors.Join(err, <-taken)
}
