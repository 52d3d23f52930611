package mix

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/event"
)

// TestTheServerTakesWhatIsSent has the server's own decoder read every kind of
// mix, and finds each event under the key that the truth check will look for.
func TestTheServerTakesWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]Mix{
		"usual": {}, "uuid7": {IDs: UUIDv7}, "text": {IDs: Text}, "topics": {Topics: 1000}, "text and topics": {IDs: Text, Topics: 7},
		"100 B": {Payload: 100}, "16 KB": {Payload: 16 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := NewEncoder(m)
			if err != nil {
				t.Fatal(err)
			}
			keys := map[[2]string]bool{}
			for i := range 3000 {
				id, topic := e.Key(i)
				keys[[2]string{id, topic}] = true
				checkEvent(t, m, string(e.AppendEvent(nil, i)), id, topic, e.Len(i))
			}
			if len(keys) != 3000 {
				t.Errorf("3000 events have %d keys", len(keys))
			}
		})
	}
}

func checkEvent(t *testing.T, m Mix, body, id, topic string, length int) {
	t.Helper()
	d, err := event.Decode(body, event.JSON, event.DefaultLimits())
	if err != nil || len(d.Events) != 1 {
		t.Fatalf("%s: %v, %v", body, d.Invalid, err)
	}
	if got := d.Events[0]; got.ID != id || got.Topic != topic || len(body) != length {
		t.Fatalf("sent (%s, %s) of %d bytes, Key says (%s, %s), Len %d", got.ID, got.Topic, len(body), id, topic, length)
	}
	if m.Payload > 0 && len(d.Events[0].Payload) != m.Payload {
		t.Fatalf("a payload of %d bytes, want %d", len(d.Events[0].Payload), m.Payload)
	}
}

// TestTopicsAreZipf: the first of a thousand is there in 13.4 of 100 events, the
// second half as often, and the last is not forgotten.
func TestTopicsAreZipf(t *testing.T) {
	t.Parallel()
	e, err := NewEncoder(Mix{Topics: 1000})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{} // by rank: a million names would take most of the time
	const n = 1_000_000
	for i := range n {
		rank := e.topics.rank(i)
		if counts[rank]++; counts[rank] == 1 && e.Topic(i) != TopicName(rank) {
			t.Errorf("event %d is of topic %s, want %s", i, e.Topic(i), TopicName(rank))
		}
	}
	if len(counts) != 1000 {
		t.Errorf("%d topics", len(counts))
	}
	for rank, share := range map[int]float64{0: 0.1336, 1: 0.0668, 999: 0.0001336} {
		got := float64(counts[rank]) / n
		if got < 0.8*share || got > 1.2*share {
			t.Errorf("topic %d: %v of the events, want %v", rank, got, share)
		}
	}
}

// TestRowsSayWhatEventsSay: the same topic in a row of COPY and under Key.
func TestRowsSayWhatEventsSay(t *testing.T) {
	t.Parallel()
	e, err := NewEncoder(Mix{Topics: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		id, topic := e.Key(i)
		if want := appendField(appendField(nil, id), topic); !strings.HasPrefix(string(e.AppendRow(nil, i, 7)[2:]), string(want)) {
			t.Errorf("row %d does not begin with %q", i, want)
		}
		const number = 0x0102030405060708
		if n := bytes.Count(e.AppendRow([]byte("before"), i, number), binary.BigEndian.AppendUint64(nil, number)); n != 1 {
			t.Errorf("row %d has its number %d times", i, n)
		}
	}
}

func TestUUIDv7AscendAndSayTheirVersion(t *testing.T) {
	t.Parallel()
	e, err := NewEncoder(Mix{IDs: UUIDv7})
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for i := 0; i < 10_000; i += perMillisecond {
		id, _ := e.Key(i)
		if id <= last || id[14] != '7' {
			t.Fatalf("%s follows %s", id, last)
		}
		last = id
	}
}

func TestSourceDealsTheShareOfDuplicatesFromTheWindow(t *testing.T) {
	t.Parallel()
	s := NewSource(0.3, 500_000, 0)
	d, fresh := s.NewDraw(1), 500_000
	repeats := 0
	for range 400_000 {
		i := d.Next()
		switch {
		case i == fresh:
			fresh++
		case i < 500_000 || i >= fresh || i < fresh-DefaultWindow:
			t.Fatalf("event %d after %d fresh ones", i, fresh)
		default:
			repeats++
		}
	}
	if share := float64(repeats) / 400_000; share < 0.29 || share > 0.31 {
		t.Errorf("%.3f of the sends are duplicates, want 0.3", share)
	}
}

func TestSourceOfKnownEventsAloneDealsNoFreshOne(t *testing.T) {
	t.Parallel()
	s := NewSource(1, 1000, 1000)
	d := s.NewDraw(1)
	for range 10_000 {
		if i := d.Next(); i < 0 || i >= 1000 {
			t.Fatalf("event %d is not known", i)
		}
	}
}

func TestPayloadsOfAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "payloads")
	lines := `{"topic":"a","source":"b","event_id":"c","payload":{"n":1.0}}` + "\n\n[1, 2]\n"
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder(Mix{File: path})
	if err != nil {
		t.Fatal(err)
	}
	first, second := string(e.AppendEvent(nil, 0)), string(e.AppendEvent(nil, 1))
	if !strings.Contains(first, `"topic":"a"`) || !strings.Contains(first, `"payload":{"n":1.0}}`) || !strings.Contains(second, `"payload":[1, 2]}`) {
		t.Errorf("%s\n%s", first, second)
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	if _, err := NewEncoder(Mix{File: "/does/not/exist"}); err == nil {
		t.Error("a file that is not there was taken")
	}
}
