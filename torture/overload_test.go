package torture

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"ingot/internal/pgtest"
)

// overload is ten times what a slow database takes, and more.
type overload struct {
	flags      []string
	queueBytes int64  // as the flags or the defaults say
	inFlight   int64  // bytes of bodies, likewise
	pause      string // of the database in each batch, in SQL
	size       int    // events in a request
	payload    int    // bytes
	rate       int    // requests a second
	slow       int    // clients that take seconds to send a body, beside those
	duration   time.Duration
	deadline   time.Duration // as the flags or the defaults say
	reach      bool          // the bound on bodies must really be reached
}

// TestOverload: what cannot be taken is refused, what is refused is not stored, what
// is acknowledged is, everybody gets an answer, those accepted within the deadline and
// those refused for a full queue without waiting in it, and the memory stays within what
// the limits promise: twice the bytes of the queue and of the bodies, and 100 MB.
func TestOverload(t *testing.T) {
	small := overload{
		flags: []string{
			"--queue-events=1000", "--max-events=100", "--batch-events=100",
			"--max-body=1MiB", "--max-decompressed=1MiB", "--queue-bytes=8MiB", "--max-bodies-in-flight=16MiB",
			"--deadline=2500ms", // about the way through the queue: some expire in it, some under way
		},
		queueBytes: 8 << 20, inFlight: 16 << 20,
		pause: "0.1 + random() * 0.3", size: 100, payload: 1500, rate: 80, duration: 5 * time.Second,
		deadline: 2500 * time.Millisecond,
	}
	if long() {
		small.duration = time.Minute
	}
	t.Run("small limits", func(t *testing.T) { small.run(t) })
	if !long() {
		return // what follows moves gigabytes
	}
	defaults := overload{
		queueBytes: 64 << 20, inFlight: 128 << 20,
		pause: "2", size: 100, payload: 10_000, rate: 80, slow: 100, duration: time.Minute,
		deadline: 10 * time.Second,
		reach:    true,
	}
	t.Run("default limits, bodies of a megabyte", func(t *testing.T) { defaults.run(t) })
}

func (o overload) run(t *testing.T) {
	server := pgtest.Durable(t)
	i := startIngester(t, append(o.flags, "--database-url", server.URL())...)
	conn := pgtest.Client(t, server.URL())
	pgtest.Exec(t, conn, fmt.Sprintf(`
		CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(%s); RETURN NEW; END $$;
		CREATE TRIGGER slow AFTER INSERT ON ingot.batches FOR EACH ROW EXECUTE FUNCTION public.slow()`, o.pause))
	told := newLedger(o.size)
	stop := make(chan struct{})
	var seen peaks
	var helpers sync.WaitGroup
	helpers.Go(func() { seen.watch(i, stop) }) // ends with stop, awaited below
	o.load(i, told)
	close(stop)
	helpers.Wait()
	seen.memory = i.peakMemory(t)
	i.stop(t)
	o.judge(t, told, seen)
	told.check(t, conn)
	verify(t, "--database-url="+server.URL())
}

// load sends as many requests as the rate makes of the duration, more if they are
// less than 15 times what was taken so far (a busy machine sends late), and returns
// when each has its answer or an error. It does not wait for one answer before it
// sends the next request.
func (o overload) load(i *ingester, told *ledger) {
	total := int(o.duration.Seconds() * float64(o.rate))
	began := time.Now()
	var requests sync.WaitGroup
	for client := range o.slow {
		requests.Go(func() { o.sendSlowly(i, told, client, began.Add(o.duration)) })
	}
	for n := 0; n < total || n < 15*told.counts()["200"]; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(o.rate))))
		requests.Go(func() { told.add(n, i.publishBytes(events(n, o.size, o.payload))) }) // ends with its answer
	}
	requests.Wait()
}

// slowClients is where the numbers of their requests begin.
const slowClients = 1_000_000

// sendSlowly publishes bodies that take seconds to arrive: they hold their bytes of
// the budget all that time.
func (o overload) sendSlowly(i *ingester, told *ledger, client int, until time.Time) {
	for n := 0; time.Now().Before(until); n++ {
		request := slowClients + 1_000*client + n
		body := events(request, o.size, o.payload)
		a := i.publish(&slowReader{bytes.NewReader(body), len(body) / 16}, len(body))
		told.add(request, a)
		if a.status != http.StatusOK {
			time.Sleep(time.Second) // as Retry-After asks
		}
	}
}

// slowReader gives out a piece every 300 ms.
type slowReader struct {
	from  io.Reader
	piece int
}

func (s *slowReader) Read(p []byte) (int, error) {
	time.Sleep(300 * time.Millisecond)
	return s.from.Read(p[:min(len(p), s.piece)])
}

// judge holds what was seen against what was promised.
func (o overload) judge(t *testing.T, told *ledger, seen peaks) {
	t.Helper()
	counts := told.counts()
	bound := (o.queueBytes+o.inFlight)*2 + 100_000_000
	t.Logf("answers %v; queue %d events and %.1f MB, bodies in flight %.1f MB; memory %.1f MB of %.1f MB allowed",
		counts, seen.events, mb(seen.queue), mb(seen.bodies), mb(seen.memory), mb(bound))
	if seen.memory > bound && !builtWithRace() {
		t.Errorf("memory %.1f MB, allowed %.1f MB", mb(seen.memory), mb(bound))
	}
	if n := counts["none"] + counts["no connection"]; n > 0 {
		t.Errorf("%d requests got no answer, one of them: %v", n, told.unanswered())
	}
	o.judgeTimes(t, told)
	if taken, sent := counts["200"], len(told.answers); taken == 0 || sent < 10*taken {
		t.Errorf("%d requests sent, %d taken: not ten times", sent, taken)
	}
	if counts["503 queue-full"] == 0 {
		t.Error("nothing was refused for a full queue")
	}
	if o.reach && seen.bodies < o.inFlight*9/10 {
		t.Errorf("bodies in flight reached %.1f MB, their bound is %.1f MB", mb(seen.bodies), mb(o.inFlight))
	}
}

// judgeTimes looks at those who sent as fast as they could. The client's and the
// machine's own slowness are in its figures, hence the margin: without deadlines they
// would grow with the test.
func (o overload) judgeTimes(t *testing.T, told *ledger) {
	t.Helper()
	const margin = 5 * time.Second
	for kind, most := range map[string]time.Duration{
		"200": o.deadline + margin, "503 expired": o.deadline + margin, "504 outcome-unknown": o.deadline + margin, "503 queue-full": margin,
	} {
		var took []time.Duration
		for request, a := range told.answers {
			if request < slowClients && a.String() == kind {
				took = append(took, a.took)
			}
		}
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		last := took[len(took)-1]
		t.Logf("%s: %d answered, half of them within %v, 99 %% within %v, all within %v", kind, len(took),
			took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond), last.Round(time.Millisecond))
		if last > most {
			t.Errorf("%s after %v, want it within %v", kind, last, most)
		}
	}
}

// peaks are the largest figures seen.
type peaks struct {
	events                int
	queue, bodies, memory int64
}

// watch polls /stats until stop is closed.
func (p *peaks) watch(i *ingester, stop <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if s, err := i.stats(); err == nil {
			p.events = max(p.events, s.Queue.Events)
			p.queue = max(p.queue, s.Queue.Bytes)
			p.bodies = max(p.bodies, s.BodiesInFlight)
		}
	}
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
