package torture

import (
	"net/http"
	"sync"
	"testing"

	"ingot/internal/pgtest"
)

// TestAFullQueueRefusesAtOnce: while the database does not move, what fits into the
// queue waits, and everything else is refused with a Retry-After, before anybody who
// waits has an answer. Once the database moves, those who waited are stored and those
// refused are not.
func TestAFullQueueRefusesAtOnce(t *testing.T) {
	const fits, refused, size = 10, 200, 10
	for name, flags := range map[string][]string{
		"in events": {"--queue-events=100", "--max-events=100"},
		"in bytes":  {"--max-body=20KiB", "--max-decompressed=20KiB", "--queue-bytes=110000", "--max-bodies-in-flight=1MiB"},
		"in bodies": {"--max-body=20KiB", "--max-decompressed=20KiB", "--max-events=100", "--max-bodies-in-flight=110000"},
	} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.Durable(t)
			i := startIngester(t, append(append(patient, "--database-url", server.URL()), flags...)...)
			conn := pgtest.Client(t, server.URL())
			unblock := block(t, conn)
			told := newLedger(size)
			var waiters sync.WaitGroup
			for request := range fits {
				waiters.Go(func() { told.add(request, i.publishBytes(events(request, size, 900))) }) // ends with its answer
			}
			i.awaitStats(t, "a full queue", func(s stats) bool { return s.Queue.Events == fits*size })
			for n := range refused {
				a := i.publishBytes(events(fits+n, size, 900))
				told.add(fits+n, a)
				if a.status != http.StatusServiceUnavailable || a.problem != "queue-full" || a.retryAfter == "" {
					t.Fatalf("with a full queue the answer is %v", a)
				}
			}
			if n := told.counts()["200"]; n != 0 {
				t.Errorf("%d waiters were answered while nothing could be stored", n)
			}
			unblock()
			waiters.Wait()
			if n := told.counts()["200"]; n != fits {
				t.Errorf("%d of %d waiters were stored: %v", n, fits, told.counts())
			}
			told.check(t, conn)
			i.stop(t)
			verify(t, "--database-url="+server.URL())
		})
	}
}
