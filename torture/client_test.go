package torture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// answer is what came of one request.
type answer struct {
	status     int
	problem    string // the end of a problem's type: queue-full, draining, ..
	retryAfter string
	last       bool  // the server says that it closes the connection
	err        error // no answer
	took       time.Duration
}

// String is how counts and messages name an answer: 200, "503 queue-full", ..
func (a answer) String() string {
	var op *net.OpError
	switch {
	case errors.As(a.err, &op) && op.Op == "dial":
		return "no connection"
	case a.err != nil:
		return "none"
	case a.problem != "":
		return fmt.Sprintf("%d %s", a.status, a.problem)
	}
	return fmt.Sprint(a.status)
}

// publish sends a body of JSON and reads the answer to its end.
func (i *ingester) publish(body io.Reader, length int) answer {
	began := time.Now()
	a := i.send(body, length)
	a.took = time.Since(began)
	return a
}

func (i *ingester) send(body io.Reader, length int) answer {
	request, err := http.NewRequest("POST", i.url("/publish?results=none"), body)
	if err != nil {
		return answer{err: err}
	}
	request.ContentLength = int64(length)
	request.Header.Set("Content-Type", "application/json")
	got, err := i.http.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return answer{err: err}
	}
	a := answer{status: got.StatusCode, retryAfter: got.Header.Get("Retry-After"), last: got.Close}
	if a.status >= 400 {
		var p struct{ Type string }
		_ = json.Unmarshal(text, &p)
		_, _ = fmt.Sscanf(p.Type, "urn:ingot:problem:%s", &a.problem)
	}
	return a
}

func (i *ingester) publishBytes(body []byte) answer {
	return i.publish(bytes.NewReader(body), len(body))
}

// events is the body of a request: n events whose ids begin with the request's
// number and are used by no other.
func events(request, n, payload int) []byte {
	var b bytes.Buffer
	filler := bytes.Repeat([]byte("x"), payload)
	for k := range n {
		fmt.Fprintf(&b, `,{"event_id":"%d-%d","topic":"load","source":"torture","timestamp":"2026-01-01T00:00:00Z","payload":"%s"}`, request, k, filler)
	}
	b.WriteByte(']')
	body := b.Bytes()
	body[0] = '['
	return body
}

// ledger keeps what became of each request.
type ledger struct {
	size int // events in each request

	mu      sync.Mutex
	answers map[int]answer
}

func newLedger(size int) *ledger { return &ledger{size: size, answers: map[int]answer{}} }

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
