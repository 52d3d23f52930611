package feed

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"ingot/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLog is a commit log in memory: each event is a batch of its own.
type fakeLog struct {
	mu      sync.Mutex
	events  []event.Stored
	took    time.Duration // one reading, before it looks
	fail    error         // of readings, until it is nil again
	reads   int
	pageMax int // events in a page; 0: as many as asked for
}

// slowPages is the log for subscribers that catch up: what they get is old already.
type slowPages struct {
	*fakeLog
	lag time.Duration
}

func (l slowPages) Events(ctx context.Context, q event.Query) (event.Page, error) {
	page, err := l.fakeLog.Events(ctx, q)
	sleep(ctx, l.lag)
	return page, err
}

func (l *fakeLog) commit(topic, source string) { l.commitPayload(topic, source, "null") }

func (l *fakeLog) commitPayload(topic, source, payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(len(l.events) + 1)
	l.events = append(l.events, event.Stored{
		Event:    event.Event{ID: fmt.Sprint(n), Topic: topic, Source: source, Payload: payload},
		Position: event.Position{Commit: n, ID: n, Identity: 7},
	})
}

func (l *fakeLog) Events(ctx context.Context, q event.Query) (event.Page, error) {
	l.mu.Lock()
	took, fail := l.took, l.fail
	l.reads++
	l.mu.Unlock()
	if sleep(ctx, took); ctx.Err() != nil {
		return event.Page{}, ctx.Err()
	}
	if fail != nil {
		return event.Page{}, fail
	}
	at, err := event.ParsePosition(q.Cursor)
	if err != nil {
		return event.Page{}, err
	}
	return l.read(at, q), nil
}

func (l *fakeLog) read(at event.Position, q event.Query) event.Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := q.Limit
	if l.pageMax > 0 {
		limit = min(limit, l.pageMax)
	}
	page := event.Page{At: at}
	for _, e := range l.events[at.Commit:] {
		if len(page.Events) == limit {
			return page
		}
		page.At = e.Position
		if passes(q, &e) {
			page.Events = append(page.Events, e)
		}
	}
	page.End = true
	return page
}

// passes tells whether an event passes the filters that a stream knows.
func passes(q event.Query, e *event.Stored) bool {
	return (len(q.Topics) == 0 || slices.Contains(q.Topics, e.Topic)) && (q.Source == "" || q.Source == e.Source)
}

func (l *fakeLog) readings() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

func testConfig() Config {
	return Config{
		Streams: 10, Buffer: 100, BufferBytes: 1 << 20, PageBytes: 1 << 20, CatchUpBytes: 1 << 18,
		Poll: 200 * time.Millisecond, Stall: 5 * time.Second, QueryTimeout: 10 * time.Second,
	}
}

// inBubble runs a hub on fake time and ends it with the test.
func inBubble(t *testing.T, config Config, test func(t *testing.T, h *Hub, log *fakeLog)) {
	t.Helper()
	inSlowBubble(t, config, 0, test)
}

func inSlowBubble(t *testing.T, config Config, lag time.Duration, test func(t *testing.T, h *Hub, log *fakeLog)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		h := New(config, log, slowPages{log, lag}, zap.NewNop())
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.Run(ctx) }) // stopped by stop, awaited below
		defer func() { stop(); running.Wait() }()
		test(t, h, log)
	})
}

func subscribe(t *testing.T, h *Hub, q event.Query, from event.Position) *Subscriber {
	t.Helper()
	s, err := h.Subscribe(q, from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// joined is one that has caught up with an empty log: it is live.
func joined(t *testing.T, h *Hub, q event.Query) *Subscriber {
	t.Helper()
	s := subscribe(t, h, q, event.Position{})
	if events, _, err := s.Next(t.Context(), time.Millisecond); len(events) > 0 || err != nil {
		t.Fatalf("%v %v", events, err)
	}
	return s
}

// gather calls Next until n events came, or a minute passed.
func gather(t *testing.T, s *Subscriber, n int) (ids []string) {
	t.Helper()
	var told event.Position // what a client would resume from
	for begin := time.Now(); len(ids) < n && time.Since(begin) < time.Minute; {
		events, at, err := s.Next(t.Context(), time.Minute)
		if len(events) > 0 && events[0].Position.Compare(told) <= 0 {
			t.Errorf("%v came after the place %v was told", events[0].Position, told)
		}
		told = at
		if err != nil {
			t.Fatalf("after %v: %v", ids, err)
		}
		for _, e := range events {
			ids = append(ids, e.Event.ID)
		}
		if len(events) > 0 && at.Compare(events[len(events)-1].Position) < 0 {
			t.Errorf("the place %v lies before the last event %v", at, events[len(events)-1].Position)
		}
	}
	return ids
}

func numbers(from, to int) (ids []string) {
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}
