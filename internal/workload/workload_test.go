package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"ingot/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEventIsAFunctionOfSeedAndIndex asks out of order, on two generators.
func TestEventIsAFunctionOfSeedAndIndex(t *testing.T) {
	t.Parallel()
	a, b := New(7), New(7)
	for i := 999; i >= 0; i-- {
		if got, want := a.Event(i), b.Event(i); got != want {
			t.Fatalf("event %d: %+v, and then %+v", i, got, want)
		}
	}
}

// TestBytesOfSeedOne holds the bytes themselves: whoever changes them breaks
// every run that somebody wants to repeat against an old database.
func TestBytesOfSeedOne(t *testing.T) {
	t.Parallel()
	const want = "8708515f575a645d4294b4247a60ff76f26ae6c3c58770f454c3b8c65267a8d5"
	h := sha256.New()
	for i := range 1000 {
		h.Write(AppendJSON(nil, New(1).Event(i)))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("the first thousand events of seed 1 hash to %s, want %s", got, want)
	}
}

func TestEventsAreWellFormed(t *testing.T) {
	t.Parallel()
	g := New(1)
	topics, sources := map[string]int{}, map[string]int{}
	for i := range 20_000 {
		e := g.Event(i)
		topics[e.Topic]++
		sources[e.Source]++
		if !json.Valid([]byte(e.Payload)) {
			t.Fatalf("event %d: payload is no JSON: %s", i, e.Payload)
		}
		if n := len(e.Payload); n < 150 || n > 300 {
			t.Errorf("event %d: payload of %d bytes, want 150 to 300: %s", i, n, e.Payload)
		}
		if id, err := uuid.Parse(e.ID); err != nil || id.Version() != 4 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("event %d: id %s is no UUIDv4 (%v)", i, e.ID, err)
		}
		if e.Timestamp != e.Timestamp.Truncate(time.Microsecond) || e.Timestamp.Location() != time.UTC {
			t.Fatalf("event %d: timestamp %v is not whole microseconds of UTC", i, e.Timestamp)
		}
	}
	if len(sources) != 5 || len(topics) != 20 {
		t.Errorf("%d sources and %d topics, want 5 and 20", len(sources), len(topics))
	}
}

// TestIDsDiffer draws the ids alone: the payloads would take twenty times as long.
func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[uuid.UUID]bool)
	for _, seed := range []uint64{0, 1, 2, 3, 1 << 40} {
		if d := newDraw(seed, 7); d.uuid().String() != New(seed).Event(7).ID {
			t.Fatal("an event does not begin with its id")
		}
		for i := range 40_000 {
			d := newDraw(seed, uint64(i))
			id := d.uuid()
			if seen[id] {
				t.Fatalf("seed %d event %d: id %s came before", seed, i, id)
			}
			seen[id] = true
		}
	}
}

func TestTimestampsStayInTheContract(t *testing.T) {
	t.Parallel()
	for _, i := range []int{0, 1, 1 << 20, maxSends} {
		if y := New(1).Event(i).Timestamp.Year(); y < 1970 || y > 2200 {
			t.Errorf("event %d is of the year %d", i, y)
		}
	}
}

// TestAppendJSONReadsBack has encoding/json, which did not write the bytes, read
// them; strings that need escaping are among them.
func TestAppendJSONReadsBack(t *testing.T) {
	t.Parallel()
	odd := event.Event{
		ID: `quo"te`, Topic: `back\slash <ü> 山`, Source: strings.Repeat("s", 512),
		Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 600_000, time.FixedZone("", 3600)),
		Payload:   "{ \"b\": 1.50,\n\"a\": [] }",
	}
	events := []event.Event{New(1).Event(0), odd, New(9).Event(12345)}
	var got []struct {
		ID            string `json:"event_id"`
		Topic, Source string
		Timestamp     time.Time
		Payload       json.RawMessage
	}
	if err := json.Unmarshal(AppendArray(nil, events), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(events) {
		t.Fatalf("%d events, want %d", len(got), len(events))
	}
	for i, e := range events {
		g := got[i]
		if g.ID != e.ID || g.Topic != e.Topic || g.Source != e.Source || string(g.Payload) != e.Payload || !g.Timestamp.Equal(e.Timestamp) {
			t.Errorf("event %d: %+v, want %+v", i, g, e)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	b.ReportAllocs()
	g, buf, i := New(1), make([]byte, 0, 1024), 0
	for b.Loop() {
		buf = AppendJSON(buf[:0], g.Event(i))
		i++
	}
	b.SetBytes(int64(len(buf)))
}
