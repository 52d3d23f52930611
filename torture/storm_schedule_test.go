package torture

import (
	"fmt"
	"math"
	"slices"

	"ingot/torture/internal/pgproxy"
)

// fault is one entry of a schedule. strike returns when the fault may be taken away,
// and tells whether it has hit anything; storm.heal takes it away.
type fault struct {
	kind   string // what has to be reached over the seeds
	detail string
	kills  bool // ends the life of an ingester
	strike func() (fired bool)
}

func (f fault) String() string {
	if f.detail == "" {
		return f.kind
	}
	return f.kind + ": " + f.detail
}

// statesInjected are raised in place of a statement, each at one of the two places
// where batches are written for certain; two seeds in a row go through both.
var (
	statesInjected = []string{
		"40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P03", "25006", "22021", "54000", "XX000",
	}
	statesAt = []pgproxy.Point{pgproxy.Merge, pgproxy.Commit}
)

// schedule draws the faults of the seed: always the same kinds, in another order and
// with other targets. In the later part no ingester dies any more, so that what a fault
// leaks is there to be seen when the storm is over.
func (s *storm) schedule(scale float64) []fault {
	all := slices.Concat(s.processFaults(), s.lostCommits(), s.injected(), s.lostMessages(), s.networkFaults(), s.crowdFaults())
	s.random.Shuffle(len(all), func(x, y int) { all[x], all[y] = all[y], all[x] })
	all = all[:int(math.Ceil(scale*float64(len(all))))]
	quiet := len(all) * 3 / 5
	for late := quiet; late < len(all); late++ {
		if early := harmless(all[:quiet]); all[late].kills && len(early) > 0 {
			swapped := early[s.random.IntN(len(early))]
			all[late], all[swapped] = all[swapped], all[late]
		}
	}
	return all
}

// harmless are the places of the faults that kill nobody.
func harmless(faults []fault) (places []int) {
	for n, f := range faults {
		if !f.kills {
			places = append(places, n)
		}
	}
	return places
}

// anyone picks an ingester.
func (s *storm) anyone() *stormIngester { return s.ingesters[s.random.IntN(len(s.ingesters))] }

// writerAt picks an ingester that passes a point: only staged batches are merged
// for certain.
func (s *storm) writerAt(at pgproxy.Point) *stormIngester {
	for {
		if i := s.anyone(); at == pgproxy.Commit || at == pgproxy.Log || i.staged {
			return i
		}
	}
}

// injected are the SQLSTATEs.
func (s *storm) injected() (faults []fault) {
	for n, state := range statesInjected {
		at := statesAt[(n+int(s.seed%2))%len(statesAt)]
		i := s.writerAt(at)
		faults = append(faults, fault{kind: "SQLSTATE " + state, detail: fmt.Sprintf("at %s of %s", at, i.name), strike: func() bool {
			f := pgproxy.Fault{At: at, Do: pgproxy.Error, SQLSTATE: state}
			if state[:2] != "22" && state[:2] != "54" {
				return s.struck(i, f, 10)
			}
			return s.blame(i, f)
		}})
	}
	return faults
}

// blame injects an error about data so often that the batch it meets is halved down
// to one request.
func (s *storm) blame(i *stormIngester, f pgproxy.Fault) bool {
	f.Times = 6
	armed := i.back.Arm(f)
	s.until(func() bool { return armed.Count() == f.Times })
	i.back.Disarm()
	s.toBlame += int64(armed.Count())
	return armed.Fired()
}

// struck arms a fault, waits until it strikes, and lets it last for some answers.
func (s *storm) struck(i *stormIngester, f pgproxy.Fault, answers int) bool {
	armed := i.back.Arm(f)
	if !s.until(armed.Fired) {
		return false
	}
	s.hold(answers)
	return true
}
