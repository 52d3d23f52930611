package torture

import (
	"fmt"
	"sync"
	"time"

	"ingot/torture/internal/traffic"
)

// extra makes a request beside the plan.
func (s *storm) extra(events int) traffic.Request {
	return traffic.Fresh(s.seed, 1_000_000+int(s.fresh.Add(1)), events)
}

// bring starts a client that wants a request to be settled by one ingester; heal waits
// for it.
func (s *storm) bring(r traffic.Request, to *stormIngester) {
	s.extras.Go(func() { // ends when it is settled, or with s.end
		c := s.newClient("extra")
		defer c.close()
		c.want(&r, to)
	})
}

// warmUp makes each ingester open what it keeps open, and notes what it has then.
func (s *storm) warmUp() {
	s.gate = newGate(0, 0)
	s.addConstraint()
	for range 3 {
		for _, i := range s.ingesters {
			for range 8 {
				s.bring(s.extra(5), i)
			}
		}
		s.extras.Wait()
	}
	for n, i := range s.ingesters {
		s.openReaders(i, n+1)
		i.base = s.quietFigures(i, nil)
	}
}

// readerConnections are those that an ingester keeps to Postgres beside its writer's:
// for pages, for all streams, for subscriptions.
const readerConnections = 4 + 1 + 2

// openReaders has the ingester open all connections that it reads over, n ingesters
// together being at it or done with it.
func (s *storm) openReaders(i *stormIngester, n int) {
	for range 10 {
		for range 8 * 4 {
			s.extras.Go(func() { _, _ = i.stats() })       // ends with its answer, awaited below
			s.extras.Go(func() { s.openSubscriptions(i) }) // likewise
		}
		s.extras.Go(func() { s.openStream(i) }) // ends with three heartbeats, awaited below
		s.extras.Wait()
		if open, err := s.database.number(readersOpen); err == nil && open >= int64(n*readerConnections) {
			return
		}
	}
}

const readersOpen = `SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('ingot reader', 'ingot subscriptions')`

// heal takes every fault away and waits until each ingester stores again.
func (s *storm) heal() {
	s.mend()
	for _, i := range s.ingesters {
		i.back.Disarm()
		i.back.Pass()
		i.front.Disarm()
		i.front.Pass()
	}
	for _, i := range s.ingesters {
		s.probe(i)
	}
	s.comeToEnd("the clients that a fault brought", &s.extras)
	s.readLogs()
	s.alive()
}

// probe publishes through an ingester until that works.
func (s *storm) probe(i *stormIngester) {
	done := make(chan struct{})
	r := s.extra(1)
	s.clients.Go(func() { // ends when it is stored, or with s.end
		defer close(done)
		c := s.newClient("probe")
		defer c.close()
		c.want(&r, i)
	})
	s.recovers(i.name, done)
}

// comeToEnd waits until all of a group have ended.
func (s *storm) comeToEnd(what string, group *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { // ends with the group, awaited below
		group.Wait()
		close(done)
	}()
	s.recovers(what, done)
}

// recovers waits until done is closed, unless nothing moves any more.
func (s *storm) recovers(what string, done <-chan struct{}) {
	began, read := time.Now(), s.read.Load()
	for {
		if now := s.read.Load(); now != read { // a reader far behind has its way to go
			began, read = time.Now(), now
		}
		select {
		case <-done:
			return
		case <-time.After(5 * time.Millisecond):
			s.alive()
		}
		if time.Since(began) > recoverWithin {
			met := ""
			s.stuck.Range(func(reader, last any) bool {
				met += fmt.Sprintf("\n  %v was last stuck %v", reader, last)
				return true
			})
			s.history.Violate("all goes on again after healing", fmt.Sprintf("%s: not within %v%s", what, recoverWithin, met))
		}
	}
}
