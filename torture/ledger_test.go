package torture

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// ledger keeps what became of each request.
type ledger struct {
	size    int // events in each request
	payload int // bytes in each event

	mu      sync.Mutex
	answers map[int]answer
}

func newLedger(size int) *ledger { return &ledger{size: size, payload: 100, answers: map[int]answer{}} }

func (l *ledger) add(request int, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[request] = a
}

// counts is how many requests got each answer.
func (l *ledger) counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[string]int{}
	for _, a := range l.answers {
		n[a.String()]++
	}
	return n
}

// unanswered is why one of the requests got no answer.
func (l *ledger) unanswered() error {
	for _, a := range l.answers {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// lasts is how many answers were the last on their connection.
func (l *ledger) lasts() (n int) {
	for _, a := range l.answers {
		if a.last {
			n++
		}
	}
	return n
}

// check holds the answers against the table: acknowledged is there to the last
// event, refused is not there at all, and unknown is one of the two. A request that
// got no answer may only be one that was never taken in. The key makes it "once".
func (l *ledger) check(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	rows := rowsByRequest(t, conn)
	wrong := 0
	for request, a := range l.answers {
		n := rows[request]
		ok := n == l.size
		switch {
		case a.status == http.StatusGatewayTimeout:
			ok = n == 0 || n == l.size
		case a.status != http.StatusOK:
			ok = n == 0
		}
		if !ok {
			if wrong++; wrong <= 10 {
				t.Errorf("request %d was answered %v, and %d of its %d events are in the table", request, a, n, l.size)
			}
		}
		delete(rows, request)
	}
	if wrong > 10 {
		t.Errorf("%d requests were told a lie", wrong)
	}
	if len(rows) > 0 {
		t.Errorf("rows of %d requests that nobody sent", len(rows))
	}
}

func rowsByRequest(t testing.TB, conn *pgx.Conn) map[int]int {
	t.Helper()
	rows, _ := conn.Query(t.Context(), "SELECT split_part(event_id, '-', 1)::int, count(*)::int FROM ingot.events GROUP BY 1")
	found := map[int]int{}
	var request, n int
	if _, err := pgx.ForEachRow(rows, []any{&request, &n}, func() error { found[request] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

// sendAll publishes n requests at once and waits for their answers.
func sendAll(i *ingester, told *ledger, first, n int) {
	var requests sync.WaitGroup
	for request := first; request < first+n; request++ {
		requests.Go(func() { told.add(request, i.publishBytes(events(request, told.size, told.payload))) }) // ends with its answer
	}
	requests.Wait()
}

// storeAll sends the first n requests until they are answered with 200.
func storeAll(t testing.TB, i *ingester, told *ledger, n int) {
	t.Helper()
	for request := range n {
		await(t, "a request to be stored", func() bool {
			told.add(request, i.publishBytes(events(request, told.size, told.payload)))
			return told.answers[request].status == http.StatusOK
		})
	}
}

func (l *ledger) addAll(other *ledger) {
	for request, a := range other.answers {
		l.add(request, a)
	}
}

// first is the first request with that answer.
func (l *ledger) first(answer string) int {
	for _, request := range slices.Sorted(maps.Keys(l.answers)) {
		if l.answers[request].String() == answer {
			return request
		}
	}
	return -1
}

// settle sends every request of the ledger again, until it is answered with 200.
func settle(t testing.TB, i *ingester, told *ledger) {
	t.Helper()
	for request := range told.answers {
		await(t, "the same ids to be settled", func() bool {
			return i.publishBytes(events(request, told.size, told.payload)).status == http.StatusOK
		})
	}
}

// checkSettled: each event of the ledger is in the table once, and nothing else is.
func checkSettled(t testing.TB, conn *pgx.Conn, told *ledger) {
	t.Helper()
	checkRows(t, conn, int64(len(told.answers)*told.size))
}

// checkRows: so many events are in the table, each of them once.
func checkRows(t testing.TB, conn *pgx.Conn, want int64) {
	t.Helper()
	rows := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events")
	keys := pgtest.Number(t, conn, "SELECT count(DISTINCT (event_id, topic)) FROM ingot.events")
	if rows != want || keys != want {
		t.Errorf("%d rows and %d keys, want %d", rows, keys, want)
	}
}
