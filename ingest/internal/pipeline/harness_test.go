package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig is small, so that every bound can be met.
func testConfig() Config {
	return Config{
		QueueEvents: 100, QueueBytes: 10_000, BatchEvents: 10, MostEvents: 1_000, BatchBytes: 1_000,
		Deadline: 10 * time.Second, AttemptTimeout: 8 * time.Second,
		OutageGrace: 30 * time.Second, RetryBase: 50 * time.Millisecond, RetryMax: time.Second, DrainTimeout: 20 * time.Second, SplitsPerSecond: 100,
	}
}

// running is a pipeline on a fake store in a bubble of fake time.
type running struct {
	*Pipeline
	fake *storetest.Fake
	stop func()
	left chan Left
}

// inBubble runs a test in fake time with a running pipeline, and stops it.
func inBubble(t *testing.T, config Config, test func(t *testing.T, p running)) {
	t.Helper()
	inBubbleWith(t, config, nil, test)
}

func inBubbleWith(t *testing.T, config Config, filter Filter, test func(t *testing.T, p running)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := storetest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		p := running{Pipeline: New(config, fake, filter, zap.NewNop()), fake: fake, stop: cancel, left: make(chan Left, 1)}
		go func() { p.left <- p.Run(ctx) }()
		test(t, p)
		cancel()
		<-p.left
	})
}

// outcome is what one Submit returned, and after how long.
type outcome struct {
	stored []bool
	err    error
	after  time.Duration
}

// submit starts a request of n bytes and returns where its outcome will be.
func (p running) submit(bytes int64, ids ...string) chan outcome {
	var events []event.Event
	for _, id := range ids {
		events = append(events, storetest.Event(id))
	}
	return p.submitGroup(bytes, storetest.Group(events...))
}

func (p running) submitGroup(bytes int64, g event.Group) chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		stored, err := p.Submit(g, bytes)
		done <- outcome{stored, err, time.Since(start)}
	}()
	synctest.Wait() // it is queued, or under way, or refused
	return done
}

func wantStored(t *testing.T, got outcome, stored ...bool) {
	t.Helper()
	if got.err != nil || !cmp.Equal(got.stored, stored) {
		t.Fatalf("got %v %v, want %v", got.stored, got.err, stored)
	}
}

func wantNotStored(t *testing.T, got outcome, reason event.Reason) {
	t.Helper()
	var notStored *event.NotStoredError
	if !errors.As(got.err, &notStored) || notStored.Reason != reason {
		t.Fatalf("got %v %v, want not stored: %s", got.stored, got.err, reason)
	}
	if reason == event.ReasonExpired {
		wantDeadlineNamed(t, got)
	}
}

// wantDeadlineNamed: who has set it too short finds that in the log.
func wantDeadlineNamed(t *testing.T, got outcome) {
	t.Helper()
	if !strings.Contains(got.err.Error(), "(--deadline)") {
		t.Errorf("%v: --deadline is not named", got.err)
	}
}

func wantUnknown(t *testing.T, got outcome) {
	t.Helper()
	var unknown *event.UnknownError
	if !errors.As(got.err, &unknown) {
		t.Fatalf("got %v %v, want unknown", got.stored, got.err)
	}
}

// wantBadData wants that and no doubt beside: whoever answers the client looks for a doubt first.
func wantBadData(t *testing.T, got outcome) {
	t.Helper()
	var badData *event.BadDataError
	var unknown *event.UnknownError
	if !errors.As(got.err, &badData) || errors.As(got.err, &unknown) {
		t.Fatalf("got %v %v, want bad data", got.stored, got.err)
	}
}

// unavailable is a failure that is certainly not a commit.
func unavailable() storetest.Step {
	return storetest.Step{Fail: &event.NotStoredError{Reason: event.ReasonUnavailable, Err: errors.New("no database")}}
}
