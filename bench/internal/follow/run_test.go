package follow

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
)

// feed answers like an ingester that keeps everything: events are its lines, an id is
// how many there were.
type feed struct {
	mu     sync.Mutex
	more   *sync.Cond
	events []json.RawMessage
	closed bool

	lose int // this event is not sent to those who follow a topic; 0: none
	cut  int // streams of all topics end behind so many events, until they come back
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
		fmt.Fprintf(w, `{"received":%[1]d,"stored":%[1]d,"duplicates":0,"invalid":0,"results":[]}`, len(events))
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
		if topic != "" && (!strings.Contains(string(e), `"topic":"`+topic+`"`) || f.lose > 0 && at == f.lose) {
			continue
		}
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", at, e); err != nil {
			return
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
		Address: strings.TrimPrefix(server.URL, "http://"), Name: "test", Streams: 20, Stopped: stopped, Topics: 10,
		Rate: 2000, Array: 50, During: 100 * time.Millisecond, Open: func() { opened++ }, Close: func() { closed++ },
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

func TestAMissingEventIsFound(t *testing.T) {
	t.Parallel()
	if _, err := do(t, &feed{lose: 25}, 0); err == nil || !strings.Contains(err.Error(), "24 came") && !strings.Contains(err.Error(), "34 came, want 24") {
		t.Errorf("%v", err)
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
	if _, err := r.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "answered 503") {
		t.Errorf("%v", err)
	}
}
