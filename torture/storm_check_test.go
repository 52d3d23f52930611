package torture

import (
	"fmt"
	"syscall"

	"ingot/torture/internal/oracle"
)

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
	s.comeToEnd("the clients at the end", &s.clients)
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
		i.Signal(syscall.SIGTERM)
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
	s.comeToEnd("the readers at the end", &s.readers)
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
