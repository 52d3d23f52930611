package reads

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ingot/bench/internal/mix"
)

const (
	testRows   = 4000
	testTopics = 20
	testLater  = 300 // events that came in behind

	shelfTakes = 2 * time.Millisecond // at least, for an answer
)

// shelf answers like an ingester whose feed is events 0..n-1; a cursor is the number
// of the next one. spoil makes it wrong.
type shelf struct {
	encoder *mix.Encoder
	began   time.Time
	spoil   func(path string, query string, events []map[string]any) []map[string]any
	asked   int
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked++
	time.Sleep(shelfTakes)
	q := r.URL.Query()
	switch {
	case r.URL.Path == "/stats":
		s.stats(w)
	case r.URL.Path == "/events":
		s.page(w, q.Get("topic"), q.Get("cursor"), q.Get("limit"), q.Get("order") == "asc", r.URL.RawQuery)
	default:
		for i := range testRows {
			if id, topic := s.encoder.Key(i); r.URL.Path == "/events/"+topic+"/"+id {
				_ = json.NewEncoder(w).Encode(s.spoil("key", "", []map[string]any{s.event(i)})[0])
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *shelf) event(i int) (e map[string]any) {
	_ = json.Unmarshal(s.encoder.AppendEvent(nil, i), &e)
	var raw struct{ Payload json.RawMessage }
	_ = json.Unmarshal(s.encoder.AppendEvent(nil, i), &raw)
	e["payload"], e["received_at"] = raw.Payload, s.began.Add(-time.Hour)
	if i >= testRows {
		e["received_at"] = s.began.Add(time.Second)
	}
	return e
}

func (s *shelf) page(w http.ResponseWriter, topic, cursor, limit string, asc bool, query string) {
	at, _ := strconv.Atoi(cursor)
	n, _ := strconv.Atoi(limit)
	events := []map[string]any{}
	if asc {
		for ; at < testRows+testLater && len(events) < n; at++ {
			if topic == "" || s.encoder.Topic(at) == topic {
				events = append(events, s.event(at))
			}
		}
	} else {
		for i := testRows + testLater - 1; len(events) < n; i-- {
			events = append(events, s.event(i))
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"events": s.spoil("page", query, events), "next_cursor": strconv.Itoa(at)})
}

func (s *shelf) stats(w http.ResponseWriter) {
	topics := map[string]int{}
	for i := range testRows + testLater {
		topics[s.encoder.Topic(i)]++
	}
	said := map[string]any{"received": 2 * (testRows + testLater), "unique_processed": testRows + testLater, "topics": topics}
	_ = json.NewEncoder(w).Encode(s.spoil("stats", "", []map[string]any{said})[0])
}

func read(t *testing.T, spoil func(string, string, []map[string]any) []map[string]any) ([]Figure, error) {
	t.Helper()
	e, err := mix.NewEncoder(mix.Mix{Topics: testTopics})
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{encoder: e, began: time.Now(), spoil: spoil}
	server := httptest.NewServer(s)
	defer server.Close()
	told := 0
	run := Run{
		Address: strings.TrimPrefix(server.URL, "http://"), Encoder: e, Rows: testRows, Topics: testTopics, Count: 5, Began: s.began,
		Progress: func(done int) { told = done },
	}
	figures, err := run.Do(t.Context())
	if err == nil && told != 5 {
		t.Errorf("told of %d turns", told)
	}
	return figures, err
}

func whole(_, _ string, events []map[string]any) []map[string]any { return events }

func TestEveryKindIsRead(t *testing.T) {
	t.Parallel()
	figures, err := read(t, whole)
	if err != nil || len(figures) != 7 {
		t.Fatalf("%+v, %v", figures, err)
	}
	for _, f := range figures {
		if f.Count != 5 || f.Short != 0 || f.Max < f.P99 || f.P99 < f.P50 || f.P50 < shelfTakes.Microseconds() || f.Goal == 0 {
			t.Errorf("%+v", f)
		}
	}
	var out bytes.Buffer
	if Table(&out, figures); strings.Count(out.String(), "\n") != 8 {
		t.Error(out.String())
	}
}

// TestAWrongAnswerEndsTheRun spoils one kind of answer at a time.
func TestAWrongAnswerEndsTheRun(t *testing.T) {
	t.Parallel()
	rare, places := "topic="+mix.TopicName(testTopics-1), "topic="+mix.TopicName(testTopics/10)
	for name, c := range map[string]struct {
		path, query string // of the answers that are spoilt
		spoil       func([]map[string]any) []map[string]any
		want        string
	}{
		"nothing":         {"page", "limit=100&order=asc&" + rare, func(e []map[string]any) []map[string]any { return nil }, "first page, rare topic: no events"},
		"one is missing":  {"page", "limit=100&order=asc&" + rare, func(e []map[string]any) []map[string]any { return slices.Delete(e, 3, 4) }, "event 3 of the page"},
		"another topic":   {"page", rare, func(e []map[string]any) []map[string]any { e[len(e)-1]["topic"] = "x"; return e }, "topic"},
		"another payload": {"key", "", func(e []map[string]any) []map[string]any { e[0]["payload"] = 1; return e }, "one event by key"},
		"not the newest":  {"page", "limit=100", func(e []map[string]any) []map[string]any { e[99]["received_at"] = time.Time{}; return e }, "not among the newest"},
		"not all of them": {"page", "limit=100", func(e []map[string]any) []map[string]any { return e[1:] }, "newest page: 99 events"},
		"one twice":       {"page", "limit=100", func(e []map[string]any) []map[string]any { e[1] = e[2]; return e }, "came twice"},
		"a hole":          {"page", "cursor", func(e []map[string]any) []map[string]any { return slices.Delete(e, 50, 51) }, "middle page"},
		"begins too late": {"page", "cursor", func(e []map[string]any) []map[string]any { return e[testTopics*3:] }, "middle page"},
		"another source":  {"key", "", func(e []map[string]any) []map[string]any { e[0]["source"] = "x"; return e }, "one event by key"},
		"another id":      {"key", "", func(e []map[string]any) []map[string]any { e[0]["event_id"] = "x"; return e }, "one event by key"},
		"its topic":       {"key", "", func(e []map[string]any) []map[string]any { e[0]["topic"] = "x"; return e }, "one event by key"},
		"a topic too few": {"stats", "", func(e []map[string]any) []map[string]any {
			delete(e[0]["topics"].(map[string]int), mix.TopicName(1))
			return e
		}, "GET /stats"},
		"lost rows":  {"stats", "", func(e []map[string]any) []map[string]any { e[0]["unique_processed"] = testRows - 1; return e }, "GET /stats"},
		"unreceived": {"stats", "", func(e []map[string]any) []map[string]any { e[0]["received"] = testRows + testLater - 1; return e }, "GET /stats"},
		"a walk of less": {"stats", "", func(e []map[string]any) []map[string]any {
			e[0]["topics"].(map[string]int)[mix.TopicName(testTopics-1)] = 3
			return e
		}, "walk of a rare topic: a topic of 3"},
		"a walk's hole": {"page", "limit=1000&order=asc&" + rare, func(e []map[string]any) []map[string]any { return slices.Delete(e, 1, 2) }, "walk of a rare topic"},
		"no place":      {"page", places, func(e []map[string]any) []map[string]any { return slices.Delete(e, 7, 8) }, "find places"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, func(path, query string, events []map[string]any) []map[string]any {
				exact := query == c.query || c.query == "cursor" && strings.HasPrefix(query, "cursor=") && !strings.Contains(query, "topic") ||
					strings.HasPrefix(c.query, "topic=") && strings.HasSuffix(query, c.query)
				if path == c.path && exact && len(events) > 30 {
					return c.spoil(events)
				}
				if path == c.path && (path == "key" || path == "stats") {
					return c.spoil(events)
				}
				return events
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestTotalsNeverFall: what was received stays so.
func TestTotalsNeverFall(t *testing.T) {
	t.Parallel()
	asked := 0
	_, err := read(t, func(path, _ string, events []map[string]any) []map[string]any {
		if path == "stats" {
			asked++
			events[0]["received"] = 3*(testRows+testLater) - asked
		}
		return events
	})
	if err == nil || !strings.Contains(err.Error(), "GET /stats") {
		t.Errorf("%v", err)
	}
}

// TestAnAnswerThatIsNone: whatever cannot be had ends the run, be it the first or a later one.
func TestAnAnswerThatIsNone(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/events", "/events/", "/stats"} {
		for name, body := range map[string]string{"a status": `{}`, "no JSON": `oops`} {
			e, err := mix.NewEncoder(mix.Mix{Topics: testTopics})
			if err != nil {
				t.Fatal(err)
			}
			s := &shelf{encoder: e, began: time.Now(), spoil: whole}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != path && !(path == "/events/" && strings.HasPrefix(r.URL.Path, path)) {
					s.ServeHTTP(w, r)
					return
				}
				if name == "a status" {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				_, _ = w.Write([]byte(body))
			}))
			run := Run{Address: strings.TrimPrefix(server.URL, "http://"), Encoder: e, Rows: testRows, Topics: testTopics, Count: 1, Began: s.began, Progress: func(int) {}}
			if figures, err := run.Do(t.Context()); err == nil || len(figures) > 0 {
				t.Errorf("%s of %s: %+v, %v", name, path, figures, err)
			}
			server.Close()
		}
	}
}

// TestTooFewRows: without a place in the feed there is no middle page.
func TestTooFewRows(t *testing.T) {
	t.Parallel()
	e, err := mix.NewEncoder(mix.Mix{Topics: testTopics})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Run{Encoder: e, Rows: 10, Topics: testTopics, Count: 1}).Do(t.Context()); err == nil || !strings.Contains(err.Error(), "too few") {
		t.Errorf("%v", err)
	}
}

// TestAFigureIsHeldAgainstItsGoal: of a hundred reads the second longest is the p99.
func TestAFigureIsHeldAgainstItsGoal(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for n := range 100 {
		took = append(took, time.Duration(100-n)*time.Millisecond)
	}
	for _, c := range []struct {
		share   float64
		goal    time.Duration
		reached bool
	}{{0.5, 51 * time.Millisecond, true}, {0.5, 50 * time.Millisecond, false}, {0.99, 100 * time.Millisecond, true}, {0.99, 99 * time.Millisecond, false}, {1, 100 * time.Millisecond, false}, {1, 0, true}} {
		f := (&kind{name: "k", share: c.share, goal: c.goal, took: took}).figure()
		if f.P50 != 50_000 || f.P99 != 99_000 || f.Max != 100_000 || f.Reached() != c.reached {
			t.Errorf("%+v: %+v", c, f)
		}
		var out bytes.Buffer
		Table(&out, []Figure{f})
		if c.goal > 0 && strings.Contains(out.String(), "not reached") == c.reached {
			t.Error(fmt.Sprint(c), out.String())
		}
	}
}
