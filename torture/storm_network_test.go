package torture

import (
	"fmt"
	"time"

	"ingot/torture/internal/pgproxy"
)

// lostCommits are the four ways of losing a COMMIT, one that is undone, the fence that comes after it
// disturbed as well, and a doubt that outlasts the deadline.
func (s *storm) lostCommits() (faults []fault) {
	add := func(kind string, i *stormIngester, strike func() bool) {
		faults = append(faults, fault{kind: kind, detail: i.name, strike: strike})
	}
	for n, way := range []pgproxy.Action{pgproxy.DropBefore, pgproxy.SwallowAfter, pgproxy.HangAfter, pgproxy.HalfThenCut} {
		for _, i := range s.ingesters {
			add("COMMIT lost: "+string(way), i, func() bool { return s.struck(i, pgproxy.Fault{At: pgproxy.Commit, Do: way}, 10) })
		}
		i := s.ingesters[n%len(s.ingesters)]
		add("COMMIT and fence lost", i, func() bool {
			i.back.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.SwallowAfter})
			return s.struck(i, pgproxy.Fault{At: pgproxy.Fence, Do: way}, 10)
		})
	}
	for _, i := range s.ingesters {
		add("COMMIT answered ROLLBACK", i, func() bool { return s.struck(i, pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.RollBack}, 10) })
		add("doubt past the deadline", i, func() bool { return s.outlast(i) })
	}
	return faults
}

// outlast loses a COMMIT and every connection after it, until a client was told that
// nobody knows.
func (s *storm) outlast(i *stormIngester) bool {
	unknown := s.gate.told(wayUnknown)
	lost := i.back.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.SwallowAfter})
	i.back.Arm(pgproxy.Fault{At: pgproxy.Connect, Do: pgproxy.Error, SQLSTATE: "57P03", Times: 1 << 20})
	return s.until(lost.Fired) && s.until(func() bool { return s.gate.told(wayUnknown) > unknown })
}

// lostMessages are failpoints around merge, log and COMMIT: cut, kept, late.
func (s *storm) lostMessages() (faults []fault) {
	add := func(i *stormIngester, f pgproxy.Fault, answers int) {
		faults = append(faults, fault{kind: fmt.Sprintf("%s: %s", f.At, f.Do), detail: i.name, strike: func() bool { return s.struck(i, f, answers) }})
	}
	staged := s.writerAt(pgproxy.Merge)
	add(staged, pgproxy.Fault{At: pgproxy.Merge, Do: pgproxy.HalfThenCut}, 10)
	add(staged, pgproxy.Fault{At: pgproxy.Merge, Do: pgproxy.DropBefore}, 10)
	add(staged, pgproxy.Fault{At: pgproxy.Merge, Do: pgproxy.SwallowAfter}, 10)
	cut := s.anyone()
	faults = append(faults, fault{kind: "connect: drop before", detail: cut.name, strike: func() bool {
		armed := cut.back.Arm(pgproxy.Fault{At: pgproxy.Connect, Do: pgproxy.DropBefore})
		cut.back.Cut() // or nobody would connect
		return s.until(armed.Fired)
	}})
	// Late messages let the batches of two ingesters overtake each other while readers look.
	for _, at := range []pgproxy.Point{pgproxy.Merge, pgproxy.Log, pgproxy.Commit, pgproxy.Commit} {
		add(s.writerAt(at), pgproxy.Fault{At: at, Do: pgproxy.DelayBefore, Delay: 60 * time.Millisecond, Times: 12}, 150)
	}
	quick := s.ingesters[0]
	return append(faults, fault{kind: "look-up: half, then cut", detail: quick.name, kills: true, strike: func() bool { return s.cutLookUp(quick) }})
}

// cutLookUp cuts a look-up of an ingester that has just started: it knows no key, and looks all up.
func (s *storm) cutLookUp(i *stormIngester) bool {
	return s.killIngester(i, false) && s.struck(i, pgproxy.Fault{At: pgproxy.LookUp, Do: pgproxy.HalfThenCut}, 10)
}

// networkFaults are those of whole networks.
func (s *storm) networkFaults() (faults []fault) {
	for _, i := range s.ingesters {
		faults = append(faults,
			fault{kind: "black hole before Postgres", detail: i.name, strike: func() bool { return s.swallowed(i) }},
			fault{kind: "client resets", detail: i.name, strike: func() bool { return s.resetClients(i) }})
	}
	i, j := s.anyone(), s.anyone()
	return append(faults,
		fault{kind: "Postgres refuses connections", detail: i.name, strike: func() bool {
			unavailable := s.gate.told("503 database-unavailable")
			i.back.Refuse()
			felt := s.until(func() bool { return s.gate.told("503 database-unavailable") > unavailable })
			s.hold(20)
			return felt
		}},
		fault{kind: "black hole before clients", detail: j.name, strike: func() bool {
			over := s.history.Excuse(j.name)
			j.front.BlackHole()
			s.holdBriefly(10, 2*time.Second) // answers of others, as long as there are any: each client ends up here
			j.front.Pass()
			j.front.Cut()
			over()
			return true
		}},
		fault{kind: "answers swallowed", detail: j.name, strike: func() bool {
			over := s.history.Excuse(j.name)
			armed := j.front.SwallowAnswers(10)
			s.until(func() bool { return armed.Count() == 10 })
			j.front.Disarm()
			s.hold(5)
			over()
			return armed.Fired()
		}},
	)
}

// swallowed lets nothing through between an ingester and Postgres until clients have
// felt it: those under way are told that nobody knows, those in the queue that they
// came too late.
func (s *storm) swallowed(i *stormIngester) bool {
	felt := func() int { return s.gate.told(wayUnknown) + s.gate.told("503 expired") }
	before := felt()
	i.back.BlackHole()
	ok := s.until(func() bool { return felt() > before })
	s.hold(20)
	return ok
}

// resetClients cuts all clients off, three times.
func (s *storm) resetClients(i *stormIngester) bool {
	over := s.history.Excuse(i.name)
	defer over()
	for range 3 {
		i.front.Cut()
		s.hold(15)
	}
	return true
}
