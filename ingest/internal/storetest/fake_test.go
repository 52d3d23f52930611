package storetest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/internal/event"
)

func TestFakeKeepsTheContract(t *testing.T) {
	t.Parallel()
	Contract(t, func(*testing.T) Opened {
		f := NewFake()
		return Opened{Store: f, Rows: f.Rows}
	})
}

// TestScript: each step does what it says to one batch, and nothing to the next.
func TestScript(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for name, c := range map[string]struct {
		step  Step
		fails func(err error) bool // nil: it does not
		wrote bool
		sent  bool
		ahead bool
		takes time.Duration
	}{
		"nothing":               {wrote: true, sent: true},
		"before":                {step: Step{Before: time.Second}, wrote: true, sent: true, takes: time.Second},
		"after":                 {step: Step{After: time.Second}, wrote: true, sent: true, takes: time.Second},
		"ahead":                 {step: Step{Ahead: true}, wrote: true, sent: true, ahead: true},
		"fail":                  {step: Step{Fail: no}, fails: func(err error) bool { return errors.Is(err, no) }},
		"refuse":                {step: Step{Refuse: no, After: time.Second}, fails: func(err error) bool { return errors.Is(err, no) }, sent: true, takes: time.Second},
		"lose":                  {step: Step{Lose: true}, fails: is[*event.UnknownError], wrote: true, sent: true},
		"cut off before COMMIT": {step: Step{Before: 2 * time.Minute}, fails: is[*event.NotStoredError], takes: time.Minute},
		"cut off behind COMMIT": {step: Step{After: 2 * time.Minute}, fails: is[*event.UnknownError], wrote: true, sent: true, takes: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := NewFake()
				f.Next(c.step)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began, sent, ahead := time.Now(), false, false
				b := event.Batch{Groups: []event.Group{Group(Event("a")), Group(Event("b"))}, Suspects: []bool{true, false}, Ahead: func() { ahead = true }}
				_, err := f.Merge(ctx, b, func() { sent = true })
				if (err != nil) != (c.fails != nil) || err != nil && !c.fails(err) {
					t.Errorf("it fails with %v", err)
				}
				if wrote := len(f.Rows()) == 2; wrote != c.wrote || sent != c.sent || ahead != c.ahead || time.Since(began) != c.takes {
					t.Errorf("wrote %t, sent %t, ahead %t, after %v", wrote, sent, ahead, time.Since(began))
				}
				stored, err := f.Merge(t.Context(), event.Batch{Groups: []event.Group{Group(Event("a"), Event("c"))}}, func() {})
				if err != nil || stored[0] == c.wrote || !stored[1] || f.Calls() != 2 {
					t.Errorf("the next batch: %v, %v, %d calls", stored, err, f.Calls())
				}
				sizes := []int{1}
				if c.wrote {
					sizes = []int{2, 1}
				}
				if diff := cmp.Diff(sizes, f.Batches()) + cmp.Diff([][]bool{{true, false}, nil}, f.Guesses()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// TestStanding: what is set stays until it is set again.
func TestStanding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := NewFake()
		try := func(brief bool) (time.Duration, error) {
			began := time.Now()
			_, err := f.Merge(t.Context(), event.Batch{Groups: []event.Group{Group(Event("a"), Event("b"))}, Brief: brief}, func() { t.Error("COMMIT was sent") })
			return time.Since(began), err
		}
		f.Hold("b")
		for brief, want := range map[bool]time.Duration{true: 10 * time.Millisecond, false: 500 * time.Millisecond} {
			var held *event.NotStoredError
			if took, err := try(brief); !errors.As(err, &held) || held.Reason != event.ReasonKeyHeld || took != want || len(f.Rows()) > 0 {
				t.Errorf("a held key, briefly %t: %v after %v", brief, err, took)
			}
		}
		f.Hold("")
		want(t, merge(t, Opened{Store: f}, Group(Event("b"))), []bool{true})

		if f.Crowded() {
			t.Error("crowded from the beginning")
		}
		for _, crowded := range []bool{true, false} {
			if f.Crowd(crowded); f.Crowded() != crowded {
				t.Errorf("crowded is not %t", crowded)
			}
		}
		if err := f.Ready(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
		f.Silence(true)
		began := time.Now()
		if err := f.Ready(t.Context(), time.Second); !is[*event.NotStoredError](err) || time.Since(began) != time.Second {
			t.Errorf("silence: %v after %v", err, time.Since(began))
		}
		f.Silence(false)
		if err := f.Ready(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
	})
}
