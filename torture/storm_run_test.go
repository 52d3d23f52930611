package torture

import (
	"bufio"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ingot/torture/internal/oracle"
	"ingot/torture/internal/traffic"
)

// recoverWithin bounds what must not hang: a recovery, a fault that ends.
const recoverWithin = time.Minute

// requestsPerFault is the piece of the plan that a fault has for itself.
const requestsPerFault = 180

// storm is one seed. What it does itself runs in the goroutine of the test; clients
// and readers have their own.
type storm struct {
	*testing.T
	seed   uint64
	random *rand.Rand // of the schedule, in the test's goroutine
	report *report
	dir    string // what a failure leaves to be read

	history *oracle.History
	feed    *oracle.Feed
	plan    []traffic.Request
	gate    *gate
	reach   int // how far the fault that is on may open the gate

	database  *stormDatabase
	ingesters []*stormIngester
	down      map[*stormIngester]bool // those that are not supposed to run

	ctx        context.Context // ends everybody
	cancel     func()
	reading    context.Context // ended when nothing more is committed
	endReading func()
	clients    sync.WaitGroup
	extras     sync.WaitGroup // clients that a fault has brought
	readers    sync.WaitGroup
	read       atomic.Int64 // rows that readers have seen
	fresh      atomic.Int64 // numbers requests that are not in the plan
	on         atomic.Value // string: the fault that is on
	blamed     atomic.Int64 // good requests that were refused for their data
	toBlame    int64        // errors about data that were injected
	once       sync.Once
	seen       sync.Map // reader to how many rows it saw
	stuck      sync.Map // reader to what it met last
}

// runStorm is one seed from start to end.
func runStorm(t *testing.T, seed uint64, scale float64, r *report) {
	began := time.Now()
	s := openStorm(t, seed, scale, r)
	faults := s.schedule(scale)
	s.plan = traffic.Plan(seed, (len(faults)+1)*requestsPerFault)
	s.gate = newGate(len(s.plan), stormClients)
	s.startReaders()
	s.startClients()
	for n, f := range faults {
		s.strike(n, f)
	}
	s.calm()
	s.judge()
	r.ended(seed, time.Since(began))
}

func openStorm(t *testing.T, seed uint64, scale float64, r *report) *storm {
	t.Helper()
	needProc(t) // for its figures
	dir, err := os.MkdirTemp(*stormKeep, fmt.Sprintf("ingot-storm-%d-", seed))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "history"))
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(log, 1<<20)
	s := &storm{T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 2)), report: r, dir: dir, down: map[*stormIngester]bool{}}
	s.on.Store("")
	t.TempDir() // made first, it is removed last: logs lie in it
	s.history = oracle.New(out, func() string { return s.on.Load().(string) })
	s.feed = oracle.NewFeed(s.history)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.reading, s.endReading = context.WithCancel(s.ctx)
	t.Cleanup(func() { s.keep(out, log) })
	s.database = openStormDatabase(t)
	t.Cleanup(s.end)
	s.openIngesters(scale)
	s.warmUp()
	return s
}

// end ends everybody who is still at work, tells what was found, and closes what was
// opened. It may be called again.
func (s *storm) end() {
	s.once.Do(func() {
		s.cancel()
		if s.gate != nil {
			s.gate.shut()
		}
		for _, i := range s.ingesters {
			i.front.Close()
		}
		s.clients.Wait()
		s.extras.Wait()
		s.readers.Wait()
		for _, v := range s.history.Violations() {
			s.Errorf("violation: %v", v)
		}
		for _, i := range s.ingesters {
			i.kill()
			i.back.Close()
		}
	})
}

// keep throws the log of a good run away, and puts those of the ingesters beside that
// of a bad one.
func (s *storm) keep(out *bufio.Writer, log *os.File) {
	_ = out.Flush()
	_ = log.Close()
	if !s.Failed() {
		_ = os.RemoveAll(s.dir)
		return
	}
	for _, i := range s.ingesters {
		for _, l := range i.logs {
			text, _ := os.ReadFile(l.file)
			_ = os.WriteFile(filepath.Join(s.dir, l.life+".log"), text, 0o600)
		}
	}
	s.Logf("seed %d: the history and the ingesters' logs are in %s", s.seed, s.dir)
}

func (s *storm) startClients() {
	for n := range stormClients {
		c := s.newClient(fmt.Sprint("client-", n))
		s.clients.Go(c.run) // ends with the plan or s.end, awaited in calm and end
	}
}

func (s *storm) startReaders() {
	a, b := s.ingesters[0], s.ingesters[1] // and the lax one's rows are in the feed as well
	for _, f := range []stormReader{
		&pages{"reader of A", []*stormIngester{a}, 1000},
		&pages{"reader of B", []*stormIngester{b}, 100},
		&pages{"reader of all", s.ingesters, 500},
		&stormStream{name: "stream of A", from: []*stormIngester{a}},
		&stormStream{name: "stream of all", from: s.ingesters},
		&stormConsumer{name: "consumer-at-b", from: []*stormIngester{b}},
		&stormConsumer{name: "consumer-at-all", from: s.ingesters},
	} {
		s.readers.Go(func() { // ends with s.reading or s.end, awaited in judge and end
			if seen, ended := f.follow(s); ended {
				s.seen.Store(f.String(), seen)
			}
		})
	}
}

// randomOf is a reader's own, of the seed.
func (s *storm) randomOf(reader string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(reader))
	return rand.New(rand.NewPCG(s.seed, h.Sum64()))
}
