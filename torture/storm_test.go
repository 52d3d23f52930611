package torture

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The storm: a few ingesters on one Postgres, behind proxies that break what passes,
// clients and readers that never stop, and faults one after the other, all drawn from
// one seed. What was told is held against what is there.
// doc.go has the map.
var (
	stormSeeds   = flag.String("storm.seeds", "", "seeds of the storm, `1,2,3`; none given: a short one")
	stormMinutes = flag.Int("storm.minutes", 0, "storm with fresh seeds for so many `minutes`")
	stormScale   = flag.Float64("storm.scale", 1, "share of a whole seed's requests and faults")
	stormKeep    = flag.String("storm.keep", "", "`folder` for what a failed seed leaves behind (default: the one for temporary files)")
)

// shortScale makes a storm of some seconds, for `go test ./...`.
const shortScale = 0.06

// TestStorm runs the seeds one after the other, and no more after one that fails.
func TestStorm(t *testing.T) {
	r := newReport()
	scale := *stormScale
	next, whole := seedsOf(t, &scale)
	for seed, more := next(); more; seed, more = next() {
		fmt.Fprintf(os.Stderr, "storm: seed %d, scale %g, %s\n", seed, scale, time.Now().Format(time.TimeOnly))
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { runStorm(t, seed, scale, r) }) {
			t.Logf("%s", r.table())
			t.Fatalf("seed %d failed; again: go test ./torture -count=1 -run 'TestStorm$' -timeout 30m -storm.seeds=%d -storm.scale=%g%s", seed, seed, scale, again())
		}
	}
	t.Logf("%s", r.table())
	if whole {
		for _, missing := range r.missing() {
			t.Errorf("the storm was too weak: %s", missing)
		}
	}
}

func again() string {
	if *ingestPath == "" {
		return ""
	}
	return " -ingest=" + *ingestPath
}

// seedsOf gives out the seeds that the flags ask for. whole says that together they
// have to reach everything.
func seedsOf(t *testing.T, scale *float64) (next func() (seed uint64, more bool), whole bool) {
	if *stormMinutes > 0 {
		end := time.Now().Add(time.Duration(*stormMinutes) * time.Minute)
		return func() (uint64, bool) { return uint64(time.Now().UnixNano() % 1e9), time.Now().Before(end) }, false
	}
	var seeds []uint64
	for text := range strings.SplitSeq(*stormSeeds, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil && *stormSeeds != "" {
			t.Fatalf("-storm.seeds: %v", err)
		}
		seeds = append(seeds, max(seed, 1))
	}
	if *stormSeeds == "" {
		*scale *= shortScale
	}
	return func() (seed uint64, more bool) {
		if len(seeds) == 0 {
			return 0, false
		}
		seed, seeds = seeds[0], seeds[1:]
		return seed, true
	}, len(seeds) >= 3 && *scale >= 1
}
