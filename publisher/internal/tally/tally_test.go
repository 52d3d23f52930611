package tally

import (
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ingot/publisher/internal/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func answered(s ...client.Status) client.Result {
	return client.Result{Statuses: s, Requests: 1, Latency: []time.Duration{time.Millisecond}}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	tl := New()
	tl.Add([]int{0, 1, 0}, answered(client.Stored, client.Stored, client.Duplicate))
	tl.Add([]int{2, 3, 2}, client.Result{
		Statuses: []client.Status{client.Stored, client.Duplicate, client.Duplicate}, Requests: 3,
		Retries: []string{"http_503", "cut"}, Reopened: true, Latency: []time.Duration{5 * time.Millisecond, 9 * time.Millisecond},
	})
	tl.Add([]int{4}, client.Result{Statuses: []client.Status{client.Invalid}, Requests: 1, Cause: "invalid", Err: errors.New("422 bad")})
	tl.Add([]int{5}, client.Result{Statuses: []client.Status{client.Unknown}, Requests: 2, Retries: []string{"cut"}, Cause: "cut", Err: errors.New("EOF 1")})
	tl.Add([]int{6}, client.Result{Statuses: []client.Status{client.Failed}, Requests: 1, Cause: "cut", Err: errors.New("EOF 2")})
	tl.Divided(7, client.Result{Statuses: []client.Status{client.Invalid}, Requests: 2, Retries: []string{"http_503"}, Cause: "invalid", Err: errors.New("422")})
	r := tl.Report(12, 2*time.Second, "why")
	want := Report{
		SendsPlanned: 12, SendsDone: 9, Stored: 3, Duplicates: 3, Invalid: 1, Unknown: 1, Failed: 1,
		UniqueEvents: 7, AckedEvents: 4, Requests: 10, Attempts: 3 + 9 + 1 + 2 + 1 + 14, AfterOpen: 2,
		ElapsedSecs: 2, EventsPerSecond: 3,
	}
	got := r
	got.Retries, got.Problems, got.Notes, got.LatencyP50Ms, got.LatencyP99Ms = nil, nil, nil, 0, 0
	// Of 1, 5 and 9 ms the middle one and the longest, to a step of the histogram.
	if p50, p99 := r.LatencyP50Ms, r.LatencyP99Ms; p50 < 5 || p50 > 5.2 || p99 < 9 || p99 > 9.3 {
		t.Errorf("latencies of %v and %v ms", p50, p99)
	}
	if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "stored is 1 lower") {
		t.Errorf("notes %q", r.Notes)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if !maps.Equal(r.Retries, map[string]int{"http_503": 2, "cut": 2}) {
		t.Errorf("retries %v", r.Retries)
	}
	if !maps.Equal(r.Problems, map[string]string{"invalid": "422 bad", "cut": "EOF 1"}) {
		t.Errorf("problems %v, want the first of each cause", r.Problems)
	}
	if at := New().Report(0, 0, "").EventsPerSecond; at != 0 {
		t.Errorf("%v events a second in no time", at)
	}
}

// TestSettled: each kind of send that was not acknowledged makes a run one that is not settled, alone or with others.
func TestSettled(t *testing.T) {
	t.Parallel()
	for invalid := range 3 {
		for unknown := range 3 {
			for failed := range 3 {
				r := Report{SendsDone: 9, Stored: 3, Invalid: invalid, Unknown: unknown, Failed: failed}
				if want := invalid == 0 && unknown == 0 && failed == 0; r.Settled() != want {
					t.Errorf("%d invalid, %d unknown, %d failed: settled %t", invalid, unknown, failed, r.Settled())
				}
			}
		}
	}
}

// TestAStreamOfUnknownLength: nobody said how many events there are, and some are not remembered.
func TestAStreamOfUnknownLength(t *testing.T) {
	t.Parallel()
	tl := New()
	for i := range 100 {
		if tl.Sent(i) || tl.Acked(i) || tl.ToldTwice(i) {
			t.Fatalf("event %d is known before it was sent", i)
		}
		tl.Add([]int{i, -1}, answered(client.Stored, client.Stored))
		if !tl.Sent(i) || !tl.Acked(i) || tl.ToldTwice(i) {
			t.Fatalf("event %d was acknowledged, and is not known", i)
		}
	}
	tl.Add([]int{200, 7}, answered(client.Unknown, client.Stored))
	if !tl.Sent(200) || tl.Acked(200) || tl.Sent(199) || !tl.ToldTwice(7) {
		t.Error("an event far behind the others is not known as what it is")
	}
	if r := tl.Report(0, time.Second, "why"); r.UniqueEvents != 101 || r.AckedEvents != 100 || r.Forgotten != 100 || r.Stored != 201 {
		t.Errorf("%+v", r)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	tl := New()
	tl.Add([]int{0, 1, 1}, answered(client.Stored, client.Stored, client.Stored))
	tl.Add([]int{0, 2}, answered(client.Duplicate, client.Unknown))
	for i, want := range []struct{ sent, acked, twice bool }{{true, true, false}, {true, true, true}, {true, false, false}, {}} {
		if tl.Sent(i) != want.sent || tl.Acked(i) != want.acked || tl.ToldTwice(i) != want.twice {
			t.Errorf("event %d: sent %t, acked %t, told twice %t; want %+v", i, tl.Sent(i), tl.Acked(i), tl.ToldTwice(i), want)
		}
	}
	tl.Add([]int{2}, answered(client.Duplicate))
	if !tl.Acked(2) {
		t.Error("a repeat that was acknowledged does not count")
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		r    Report
		want string
	}{
		{"all new", Report{SendsDone: 3, Stored: 2, Duplicates: 1, UniqueEvents: 2, AckedEvents: 2}, ""},
		{"all there", Report{SendsDone: 3, Duplicates: 3, UniqueEvents: 2, AckedEvents: 2}, "all 2 events were already there: same seed, same ids; use --seed to send new ones"},
		{"some there", Report{SendsDone: 3, Stored: 1, Duplicates: 2, UniqueEvents: 2, AckedEvents: 2}, "1 events were already there"},
		{"lost answers", Report{SendsDone: 3, Stored: 1, Duplicates: 2, UniqueEvents: 2, AckedEvents: 2, AfterOpen: 1}, "stored is 1 lower than the acknowledged events"},
		{"lost answers that cost nothing", Report{SendsDone: 3, Stored: 2, Duplicates: 1, UniqueEvents: 2, AckedEvents: 2, AfterOpen: 1}, ""},
		{"a repeat of an unknown", Report{SendsDone: 3, Stored: 1, Duplicates: 1, Unknown: 1, UniqueEvents: 2, AckedEvents: 2}, "stored is 1 lower"},
		{
			"most were there, and some of what was retried",
			Report{SendsDone: 9, Stored: 1, Duplicates: 7, Unknown: 1, AfterOpen: 2, UniqueEvents: 9, AckedEvents: 8},
			"stored is 7 lower than the acknowledged events: 2 sends were answered duplicate on a retry, after an attempt that may have stored them without an answer|" +
				"at least 4 of them were already there: same seed",
		},
		{
			"one was there, and some of what was retried",
			Report{SendsDone: 9, Stored: 4, Duplicates: 4, Unknown: 1, AfterOpen: 2, UniqueEvents: 9, AckedEvents: 8},
			"stored is 4 lower than the acknowledged events: 2 sends were answered duplicate on a retry, after an attempt that may have stored them without an answer|" +
				"at least 1 of them were already there: same seed",
		},
		{"some there, and one was refused", Report{SendsDone: 3, Duplicates: 2, Invalid: 1, UniqueEvents: 3, AckedEvents: 2}, "2 events were already there"},
		{"one is not remembered", Report{SendsDone: 9, Stored: 2, Duplicates: 7, UniqueEvents: 5, AckedEvents: 5, Forgotten: 1}, ""},
		{"not all are remembered", Report{SendsDone: 9, Stored: 2, Duplicates: 7, UniqueEvents: 5, AckedEvents: 5, Forgotten: 4}, ""},
		{"nothing", Report{}, ""},
	} {
		if got := strings.Join(c.r.notes("same seed, same ids; use --seed to send new ones"), "|"); !strings.HasPrefix(got, c.want) || strings.Count(got, "|") != strings.Count(c.want, "|") || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestPercentiles holds the histogram against a sorted list.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	var h Latency
	if h.Percentile(50) != 0 {
		t.Error("an empty histogram has a median")
	}
	var all []time.Duration
	for range 5000 {
		d := time.Duration(rand.ExpFloat64()*3000) * time.Microsecond
		all = append(all, d)
		h.Add(d)
	}
	slices.Sort(all)
	var part, both Latency
	for n, d := range all {
		if n%3 == 0 {
			part.Add(d)
		} else {
			both.Add(d)
		}
	}
	if both.Merge(&part); both != h || both.Count() != 5000 {
		t.Error("two histograms merged are not the one of all")
	}
	for _, p := range []int64{1, 50, 99, 100} {
		exact := all[(int64(len(all))*p+99)/100-1]
		if got := h.Percentile(p); got < exact || float64(got) > float64(exact)*1.04 {
			t.Errorf("p%d is %v, want %v", p, got, exact)
		}
	}
}

// TestPercentilesOfFew: with a value a step, any number of them, a percentile is exact.
func TestPercentilesOfFew(t *testing.T) {
	t.Parallel()
	for n := range 200 {
		var h Latency
		for i := range n + 1 {
			h.Add(time.Duration(upperEnd(i)) * time.Microsecond)
		}
		for p := range int64(100) {
			rank := 0
			for int64(rank)*100 < int64(n+1)*(p+1) { // the least rank that so many percent are at or below
				rank++
			}
			if got, want := h.Percentile(p+1), time.Duration(upperEnd(rank-1))*time.Microsecond; got != want {
				t.Fatalf("p%d of %d is %v, want %v", p+1, n+1, got, want)
			}
		}
	}
	tl := New()
	for i := range 200 {
		tl.Add(nil, client.Result{Latency: []time.Duration{time.Duration(upperEnd(i)) * time.Microsecond}})
	}
	if r := tl.Report(0, 0, ""); r.LatencyP50Ms != float64(upperEnd(99))/1000 || r.LatencyP99Ms != float64(upperEnd(197))/1000 {
		t.Errorf("the 100th and the 198th of 200 are %v and %v ms, want %d and %d µs", r.LatencyP50Ms, r.LatencyP99Ms, upperEnd(99), upperEnd(197))
	}
	var h Latency
	h.Add(-time.Second) // the clock was set back
	if got := h.Percentile(100); got != 0 {
		t.Errorf("a time before 0 counts as %v", got)
	}
}

func TestBucketsCoverEveryValueInOrder(t *testing.T) {
	t.Parallel()
	for us := range uint64(1 << 16) {
		b := bucketOf(us)
		if us > upperEnd(b) || b > 0 && us <= upperEnd(b-1) {
			t.Fatalf("%d µs falls in bucket %d, which ends at %d", us, b, upperEnd(b))
		}
	}
	if b := bucketOf(1<<63 + 1); b >= len(Latency{}.buckets) {
		t.Errorf("the longest latency falls in bucket %d", b)
	}
}
