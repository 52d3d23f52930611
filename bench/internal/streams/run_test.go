package streams

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ingot/bench/internal/statistics"
)

// feed answers like an ingester that keeps everything: events are its lines, an id is
// how many there were.
type feed struct {
	mu     sync.Mutex
	more   *sync.Cond
	events []json.RawMessage
	closed bool

	lie func(at int, topic string, back bool) []int // which events are sent in place of the at-th; nil: itself
	cut int                                         // streams of all topics end behind so many events, until they come back

	unstored int // how many events an answer says less
}

func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var events []json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		f.mu.Lock()
		f.events = append(f.events, events...)
		f.mu.Unlock()
		f.more.Broadcast()
		fmt.Fprintf(w, `{"received":%[1]d,"stored":%[1]d,"duplicates":0,"invalid":0,"results":[]}`, len(events)-f.unstored)
		return
	}
	f.stream(w, r)
}

func (f *feed) stream(w http.ResponseWriter, r *http.Request) {
	topic, last := r.URL.Query().Get("topic"), r.Header.Get("Last-Event-ID")
	at, _ := strconv.Atoi(last)
	_, _ = fmt.Fprintf(w, "retry: 1000\nid: %d\n\n", at)
	w.(http.Flusher).Flush()
	for {
		e := f.event(at)
		if at++; e == nil {
			return
		}
		if topic == "" && f.cut > 0 && last == "" && at > f.cut { // in the middle of a block
			_, _ = fmt.Fprintf(w, "id: %d\ndata: %s", at, e[:10])
			return
		}
		if topic != "" && !strings.Contains(string(e), `"topic":"`+topic+`"`) {
			continue
		}
		sent := []int{at}
		if f.lie != nil {
			sent = f.lie(at, topic, last != "")
		}
		for _, n := range sent {
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", at, f.event(n-1)); err != nil {
				return
			}
		}
		w.(http.Flusher).Flush()
	}
}

// event waits for it; nil at the end.
func (f *feed) event(n int) json.RawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n >= len(f.events) && !f.closed {
		f.more.Wait()
	}
	if n >= len(f.events) {
		return nil
	}
	return f.events[n]
}

func do(t *testing.T, f *feed, stopped int) (Outcome, error) {
	t.Helper()
	f.more = sync.NewCond(&f.mu)
	server := httptest.NewServer(f)
	defer server.Close()
	defer func() {
		f.mu.Lock()
		f.closed = true
		f.mu.Unlock()
		f.more.Broadcast()
	}()
	opened, closed := 0, 0
	r := Run{
		Address: strings.TrimPrefix(server.URL, "http://"), Streams: 20, Stopped: stopped, Topics: 10,
		Rate: 2000, Array: 50, During: 100 * time.Millisecond, WindowOpens: func() { opened++ }, WindowCloses: func() { closed++ },
		Progress: func(int) {},
	}
	o, err := r.Do(t.Context())
	if opened != 1 || closed != 1 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	return o, err
}

func TestEveryEventIsCounted(t *testing.T) {
	t.Parallel()
	o, err := do(t, &feed{cut: 77}, 2)
	if err != nil {
		t.Fatal(err)
	}
	// 200 events in ten topics: 20 to each of 20 streams.
	if o.Delivered <= 0 || o.P50 <= 0 || o.Max < o.P99 || o.Streams != 20 || fmt.Sprint(o.Before) != "[77 77]" {
		t.Errorf("%+v", o)
	}
}

// TestALieIsFound: whatever a stream does not send as it was published, once and in order, also before it is cut off and
// behind it.
func TestALieIsFound(t *testing.T) {
	t.Parallel()
	at := func(n int, back bool, sent ...int) func(int, string, bool) []int {
		return func(at int, topic string, again bool) []int {
			if at == n && (topic != "" || again == back) {
				return sent
			}
			return []int{at}
		}
	}
	swapped := func(at int, _ string, _ bool) []int {
		return []int{map[int]int{25: 35, 35: 25}[at] + map[bool]int{true: at}[at != 25 && at != 35]}
	}
	for name, c := range map[string]struct {
		lie     func(at int, topic string, back bool) []int
		stopped int
		want    string
	}{
		"one is missing":                  {at(25, false), 0, "34 came, expected 24"},
		"one comes twice":                 {at(25, false, 25, 25), 0, "24 came, expected 34"},
		"another one comes in its place":  {at(25, false, 15), 0, "14 came, expected 24"},
		"two change places":               {swapped, 0, "34 came, expected 24"},
		"one is missing before it is cut": {lieToAll(at(25, false)), 1, "25 came, expected 24"},
		"one is missing behind the cut":   {lieToAll(at(100, true)), 1, "100 came, expected 99"},
		"one is twice behind the cut":     {lieToAll(at(100, true, 100, 100)), 1, "99 came, expected 100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := do(t, &feed{cut: 77, lie: c.lie}, c.stopped)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(o.Before) > 0 {
				t.Errorf("%+v, %v; want %q", o, err, c.want)
			}
		})
	}
}

// lieToAll lies to those who follow all topics alone.
func lieToAll(lie func(int, string, bool) []int) func(int, string, bool) []int {
	return func(at int, topic string, back bool) []int {
		if topic != "" {
			return []int{at}
		}
		return lie(at, topic, back)
	}
}

// TestAnEventThatIsNotStored ends the run: nobody could follow it.
func TestAnEventThatIsNotStored(t *testing.T) {
	t.Parallel()
	if _, err := do(t, &feed{unstored: 1}, 0); err == nil || !strings.Contains(err.Error(), "49 of 50 stored") {
		t.Errorf("%v", err)
	}
}

// TestOutcome: the figures are those of all streams together.
func TestOutcome(t *testing.T) {
	t.Parallel()
	r := Run{Streams: 2, Stopped: 3, Topics: 4, Rate: 60, Array: 10, During: 2 * time.Second}
	var read []*stream
	for n := range 2 {
		s := &stream{latency: statistics.NewHistogram()}
		for i := range 500 {
			statistics.Record(s.latency, time.Duration(1000*n+2*i)*100*time.Microsecond)
		}
		read = append(read, s)
	}
	o := r.outcome(read, 3*time.Second, 4*time.Second)
	near := func(got, want int64) bool { return got > want*98/100 && got < want*102/100 }
	if o.Streams != 2 || o.Stopped != 3 || o.Topics != 4 || o.Asked != 60 || o.Events != 40 || o.Delivered != 250 {
		t.Errorf("%+v", o)
	}
	if !near(o.P50, 99_800) || !near(o.P99, 197_800) || !near(o.P999, 199_600) || !near(o.Max, 199_800) || o.P50 > o.P99 {
		t.Errorf("%+v", o)
	}
	for _, c := range []struct {
		rate, array int
		during      time.Duration
		want        int
	}{{100, 10, time.Second, 100}, {100, 30, time.Second, 90}, {1, 10, time.Second, 10}} {
		if got := (&Run{Rate: c.rate, Array: c.array, During: c.during}).total(); got != c.want {
			t.Errorf("%+v: %d events", c, got)
		}
	}
}

func TestAStreamThatIsNotCutOff(t *testing.T) {
	t.Parallel()
	if _, err := do(t, &feed{}, 1); err == nil || !strings.Contains(err.Error(), "not cut off") {
		t.Errorf("%v", err)
	}
}

func TestARefusalEndsTheRun(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "full")
	}))
	defer server.Close()
	r := Run{Address: strings.TrimPrefix(server.URL, "http://"), Streams: 1, Topics: 1, Rate: 1, Array: 1}
	if _, err := r.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "answered with status 503") {
		t.Errorf("%v", err)
	}
}
