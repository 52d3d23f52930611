package torture

import (
	"fmt"
	"syscall"
	"time"

	"ingot/torture/internal/oracle"
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
	for _, i := range s.ingesters {
		i.back.Disarm()
		i.back.Pass()
		i.front.Disarm()
		i.front.Pass()
	}
	for _, i := range s.ingesters {
		s.probe(i)
	}
	done := make(chan struct{})
	go func() { // ends with the extras, awaited below
		s.extras.Wait()
		close(done)
	}()
	s.recovers("the clients that a fault brought", done)
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

// judgeBlame: an error about data that is injected once can be the end of one request,
// the one that was alone in its batch, and of none of its neighbours.
func (s *storm) judgeBlame() {
	if n := s.blamed.Load(); n > s.toBlame {
		s.history.Violate("a request is not refused for the data of another", fmt.Sprintf("%d were, for %d errors that were injected", n, s.toBlame))
		s.alive()
	}
}

// calm lets the clients have the rest of the plan.
func (s *storm) calm() {
	s.gate.allow(len(s.plan))
	done := make(chan struct{})
	go func() { // ends with the clients, awaited below
		s.clients.Wait()
		close(done)
	}()
	s.recovers("the clients at the end", done)
}

// checkpoint holds what has been told so far against the table.
func (s *storm) checkpoint() {
	until := s.history.Now()
	rows, err := s.database.rows()
	if err != nil {
		s.Fatalf("read the table: %v", err)
	}
	s.history.CheckTold(rows, until)
	s.alive()
}

// judge holds everything against everything, now that nothing is under way.
func (s *storm) judge() {
	s.settleDoubts()
	rows, err := s.database.rows()
	if err != nil {
		s.Fatalf("read the table: %v", err)
	}
	s.history.CheckAll(rows)
	s.judgeFeed(rows)
	for _, i := range s.ingesters {
		s.judgeTotals(i, int64(len(rows)))
	}
	s.alive()
	s.judgeFigures()
	for _, i := range s.ingesters {
		s.down[i] = true
		i.signal(syscall.SIGTERM)
		if code := i.wait(); code != 0 {
			s.history.Violate("a stop ends with exit code 0", fmt.Sprintf("%s: %d", i.name, code))
		}
	}
	s.readLogs()
	verify(s.T, "--database-url="+s.database.URL())
	s.alive()
}

// settleDoubts waits until no ingester has anything under way: a batch whose clients
// were told "unknown" may still be on its way.
func (s *storm) settleDoubts() {
	for _, i := range s.ingesters {
		if !s.until(func() bool {
			st, err := i.stats()
			return err == nil && st.Queue.Events == 0
		}) {
			s.history.Violate("the queue is empty in the end", i.name)
		}
	}
}

func (s *storm) judgeFeed(rows []oracle.Row) {
	s.endReading()
	done := make(chan struct{})
	go func() { // ends with the readers, awaited below
		s.readers.Wait()
		close(done)
	}()
	s.recovers("the readers at the end", done)
	ends := map[string]int{}
	s.seen.Range(func(reader, seen any) bool {
		ends[reader.(string)] = seen.(int)
		return true
	})
	s.feed.CheckAll(rows, ends)
}

func (s *storm) judgeTotals(i *stormIngester, rows int64) {
	st, err := i.stats()
	if err != nil {
		s.history.Violate("/stats answers in the end", err.Error())
		return
	}
	s.history.CheckTotals(oracle.Totals{Rows: rows, Unique: st.Unique, Received: st.Received, Duplicates: st.Duplicates})
}
