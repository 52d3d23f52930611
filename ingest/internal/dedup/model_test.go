package dedup

import (
	"math/rand/v2"
	"testing"
)

// TestAgainstAModel: new keys and repeats of every age, asked and learnt as the pipeline does it, for forty generations.
// What was added or asked about since all generations but one were filled is suspected. New keys are suspected no oftener
// than configured, though each time this happens the filter takes in a key that nobody has added.
func TestAgainstAModel(t *testing.T) {
	t.Parallel()
	config := Config{Capacity: 20_000, Generations: 4, FalsePositive: 0.01}
	f := New(config)
	random := rand.New(rand.NewPCG(1, 2))
	kept := int64(config.Capacity) * int64(config.Generations-1)
	var met []int64 // of each key, what Stats.Keys said when it was met last
	asked, wrong := 0, 0
	for range 1_500_000 {
		at := len(met)
		if at > 0 && random.IntN(10) < 6 { // a repeat: how far back varies from one key to all of them
			back := 1 << random.IntN(21)
			at = max(0, at-1-random.IntN(back))
		}
		isNew := at == len(met)
		if isNew {
			met = append(met, 0)
		}
		suspected := f.Suspect(key(at))
		switch {
		case isNew:
			asked++
			if suspected {
				wrong++
			}
		case !suspected && f.Stats().Keys-met[at] < kept:
			t.Fatalf("key %d was met %d keys ago and is forgotten", at, f.Stats().Keys-met[at])
		}
		if !suspected {
			f.Add(key(at))
		}
		met[at] = f.Stats().Keys
	}
	s := f.Stats()
	t.Logf("%d new keys, %d suspected; %d rotations", asked, wrong, s.Rotations)
	if rate := float64(wrong) / float64(asked); rate > config.FalsePositive {
		t.Errorf("%.5f of new keys were suspected, more than %.5f", rate, config.FalsePositive)
	}
	if s.Rotations < 10 {
		t.Errorf("%d rotations only", s.Rotations)
	}
}
