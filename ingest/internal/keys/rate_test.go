package keys

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRate: a second's events at once, a request larger than that whole, and then nothing until it is paid for.
func TestRate(t *testing.T) {
	t.Parallel()
	r, now := newRate(100), time.Now()
	for i, step := range []struct {
		after  time.Duration
		events int
		wait   time.Duration
	}{
		{0, 60, 0},
		{0, 39, 0},
		{0, 0, 0},
		{0, 1000, 0}, // one was left
		{0, 1, 10 * time.Second},
		{0, 0, 10 * time.Second},
		{4 * time.Second, 1, 6 * time.Second},
		{6 * time.Second, 1, 0},
		{0, 1, 10 * time.Millisecond},
		{6 * time.Millisecond, 1, 4 * time.Millisecond}, // a part of an event is none
		{time.Hour, 100, 0},                             // no more is left over than a second's
		{0, 1, 10 * time.Millisecond},
		{-time.Hour, 1, 10 * time.Millisecond}, // nor does a clock that goes back owe anything
	} {
		now = now.Add(step.after)
		if wait := r.take(step.events, now); wait.Round(time.Millisecond) != step.wait {
			t.Errorf("step %d, %+v: %s", i, step, wait)
		}
	}
	r.left = math.Nextafter(1, 0)
	if wait := r.take(1, now); wait <= 0 {
		t.Errorf("one that is not counted is let through: %s", wait)
	}
}

// TestRatesOfAFile: the keys of a name share what it may send, it is as much as was asked for, and a file that is read
// again does not begin anew, but for who may send another number now.
func TestRatesOfAFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keys")
		add := func(name string, perSecond int) string {
			key, err := Add(path, name, []string{Publish}, perSecond)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
		first, second, free := add("shop", 10), add("shop", 10), add("ops", 0)
		if _, err := Add(path, "shop", []string{Read}, 0); err != nil {
			t.Fatal(err) // which sends nothing
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		take := func(key string, events, perSecond int, wait time.Duration) {
			t.Helper()
			name, _, _ := f.Holder([]byte(key), Publish)
			if got, owed := f.Take(name, events); got != perSecond || owed.Round(time.Millisecond) != wait || (owed > 0) != (wait > 0) {
				t.Errorf("%d events: %d a second, %s", events, got, owed)
			}
		}
		take(first, 9, 10, 0)
		take(second, 21, 10, 0)
		take(first, 1, 10, 2100*time.Millisecond)
		take(second, 0, 10, 2100*time.Millisecond)
		take(free, 1_000_000, 0, 0)
		take("nobody's", 1_000_000, 0, 0)

		third := add("other", 1)
		if changed, err := f.Refresh(); !changed || err != nil {
			t.Fatal(changed, err)
		}
		take(third, 1, 1, 0)
		take(first, 1, 10, 2100*time.Millisecond)
		time.Sleep(2100 * time.Millisecond)
		take(first, 31, 10, 0)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, strings.ReplaceAll(string(text), "events=10/s", "events=20/s"))
		if changed, err := f.Refresh(); !changed || err != nil {
			t.Fatal(changed, err)
		}
		take(second, 20, 20, 0)
		take(second, 1, 20, 50*time.Millisecond)

		var takers sync.WaitGroup // for the race detector
		for range 4 {
			takers.Go(func() {
				for range 100 {
					f.Take("other", 1)
				}
			})
		}
		takers.Wait()
	})
}

func BenchmarkTake(b *testing.B) {
	path := filepath.Join(b.TempDir(), "keys")
	if _, err := Add(path, "a", []string{Publish}, maxRate); err != nil {
		b.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, wait := f.Take("a", 1); wait > 0 {
			b.Fatal("it waits")
		}
	}
}
