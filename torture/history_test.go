package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// One history, told to the ingester under every filter and on every path. Each
// event's answer and the table in the end are known beforehand: a guess picks a
// path, never an answer.

const (
	historyEvents = 100_000
	historyRepeat = 0.4 // share of events whose key came before
)

// historyEvent is one event, and what has to become of it.
type historyEvent struct {
	id, topic string
	copies    int // how often the key came before: the payload tells the copies apart
	stored    bool
}

// history is a list of requests.
func history(seed uint64) (requests [][]historyEvent) {
	r := rand.New(rand.NewPCG(seed, 0))
	var keys []historyEvent
	for n := 0; n < historyEvents; {
		var request []historyEvent
		for range 1 + r.IntN(200) {
			e := historyEvent{id: fmt.Sprintf("%08x-%d", r.Uint32(), n), topic: fmt.Sprint("topic-", r.IntN(20)), stored: true}
			if len(keys) > 0 && r.Float64() < historyRepeat {
				// Half of the repeats are of late: often within the same request.
				back := 1 + r.IntN(len(keys))
				if r.IntN(2) == 0 {
					back = 1 + r.IntN(min(len(keys), 100))
				}
				first := &keys[len(keys)-back]
				first.copies++
				e = *first
				e.stored = false
			} else {
				keys = append(keys, e)
			}
			request = append(request, e)
			n++
		}
		requests = append(requests, request)
	}
	return requests
}

func (e historyEvent) payload() string {
	return fmt.Sprintf(`{"copy":%d, "id":"%s"}`, e.copies, e.id)
}

// historyBody alternates between the forms of a request.
func historyBody(request []historyEvent, form int) (body []byte, contentType string) {
	var b bytes.Buffer
	for i, e := range request {
		if i > 0 {
			b.WriteByte(",\n"[form%2])
		}
		fmt.Fprintf(&b, `{"event_id":%q,"topic":%q,"source":"history","timestamp":"2026-01-01T00:00:00Z","payload":%s}`, e.id, e.topic, e.payload())
	}
	if form%2 == 1 {
		return b.Bytes(), "application/x-ndjson"
	}
	return []byte("[" + b.String() + "]"), "application/json"
}

// TestOneHistory: whatever the filter guesses and whichever way rows are written, each event is answered the same.
func TestOneHistory(t *testing.T) {
	requests := history(1)
	for _, c := range []struct {
		name  string
		long  bool // only in the long run
		many  bool // false positives, more than a fifth of the new keys
		flags []string
	}{
		{name: "filter off", flags: []string{"--bloom=off"}},
		{name: "filter on"},
		{name: "always yes", flags: []string{"--bloom=always-yes"}},
		{name: "always no", flags: []string{"--bloom=always-no"}},
		{name: "corrupted", flags: []string{"--bloom=corrupted"}},
		{name: "mostly false positives", many: true, flags: []string{"--bloom-false-positive=0.9", "--bloom-capacity=1000", "--bloom-generations=8"}},
		{name: "corrupted, direct", flags: []string{"--bloom=corrupted", "--write-path=direct"}},
		{name: "filter on, staged", flags: []string{"--write-path=staged"}, long: true},
		{name: "filter on, direct", flags: []string{"--write-path=direct"}, long: true},
		{name: "filter off, direct", flags: []string{"--bloom=off", "--write-path=direct"}, long: true},
		{name: "always yes, direct", flags: []string{"--bloom=always-yes", "--write-path=direct"}, long: true},
		{name: "on, batches of a few", flags: []string{"--batch-events=7"}, long: true},
		{name: "on, forgets nearly all", flags: []string{"--bloom-capacity=1000", "--bloom-generations=2"}, long: true},
	} {
		if !c.long || long() {
			t.Run(c.name, func(t *testing.T) { tellHistory(t, requests, c.flags, c.many) })
		}
	}
}

// tellHistory sends the requests one after the other, kills the ingester in the
// middle, and holds every answer and the table against what has to be; many wants
// the filter to have been wrong often.
func tellHistory(t *testing.T, requests [][]historyEvent, flags []string, many bool) {
	data := dataFolder(t)
	i := startIngester(t, append([]string{"--data-dir", data}, flags...)...)
	want := map[string]string{}
	for n, request := range requests {
		if n == len(requests)/2 {
			i.kill()
			i.start(t)
		}
		body, contentType := historyBody(request, n)
		got := i.statuses(t, body, contentType)
		if len(got) != len(request) {
			t.Fatalf("request %d: %d results of %d", n, len(got), len(request))
		}
		for k, e := range request {
			if e.stored {
				want[e.id+" "+e.topic] = e.payload()
			}
			if (got[k] == "stored") != e.stored || !e.stored && got[k] != "duplicate" {
				t.Fatalf("request %d, event %d: told %q, has to be stored: %v", n, k, got[k], e.stored)
			}
		}
	}
	if diff := cmp.Diff(want, tableOf(t, pgtest.Client(t, i.privateURL(t)))); diff != "" {
		t.Errorf("the table: %.2000s", diff)
	}
	stats, err := i.stats()
	if err != nil || stats.Unique != int64(len(want)) {
		t.Errorf("%+v %v, want %d unique", stats, err, len(want))
	}
	// Of the life after the kill: how many of the new keys were looked up in vain.
	t.Logf("%d suspects, %d of them new: %.0f %% of the new keys", stats.Filter.Hits, stats.Filter.FalsePositives,
		100*float64(stats.Filter.FalsePositives)/float64(len(want)/2))
	if many && stats.Filter.FalsePositives < int64(len(want)/2)/5 {
		t.Error("fewer than a fifth of the new keys were suspected: the filter is too good for this test")
	}
	i.stop(t)
	verify(t, "--data-dir="+data)
}

// statuses publishes a list and returns what became of each event.
func (i *ingester) statuses(t *testing.T, body []byte, contentType string) (statuses []string) {
	t.Helper()
	answer, err := i.http.Post(i.url("/publish?results=all"), contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s %v", answer.Status, text, err)
	}
	var a struct{ Results []struct{ Status string } }
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Results {
		statuses = append(statuses, r.Status)
	}
	return statuses
}

func tableOf(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	rows, err := conn.Query(context.Background(), "SELECT event_id || ' ' || topic, payload::text FROM ingot.events")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	var key, payload string
	if _, err := pgx.ForEachRow(rows, []any{&key, &payload}, func() error { table[key] = payload; return nil }); err != nil {
		t.Fatal(err)
	}
	return table
}
