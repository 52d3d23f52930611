package load

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// TestSettle: what each answer to three events counts for, in the window and beside it.
func TestSettle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		body    string
		want    Counts
		settled bool
		failure string // its beginning
	}{
		"stored":                  {200, `{"received":3,"stored":3,"duplicates":0,"invalid":0,"results":[]}`, Counts{Requests: 1, Stored: 3}, true, ""},
		"some duplicates":         {200, `{"received":3,"stored":1,"duplicates":2,"invalid":0,"results":[]}`, Counts{Requests: 1, Stored: 1, Duplicates: 2}, true, ""},
		"at the end of a buffer":  {200, `{"received":3,"stored":3,"duplicates":0,"invalid":0`, Counts{Requests: 1, Stored: 3}, true, ""},
		"refused":                 {503, `{"received":3,"stored":3,"duplicates":0,"invalid":0}`, Counts{Requests: 1, Refused: 3}, false, ""},
		"unknown":                 {504, `x`, Counts{Requests: 1, Failed: 3}, false, "status 504"},
		"some invalid":            {207, `{"received":3,"stored":2,"duplicates":0,"invalid":1}`, Counts{Requests: 1, Failed: 3}, false, "status 207"},
		"some invalid, and 200":   {200, `{"received":3,"stored":3,"duplicates":0,"invalid":1}`, Counts{Requests: 1, Failed: 3}, false, "an answer that does not add up"},
		"one is missing":          {200, `{"received":3,"stored":2,"duplicates":0,"invalid":0}`, Counts{Requests: 1, Failed: 3}, false, "an answer that does not add up"},
		"fewer came":              {200, `{"received":2,"stored":3,"duplicates":0,"invalid":0}`, Counts{Requests: 1, Failed: 3}, false, "an answer that does not add up"},
		"one event's":             {200, `{"status":"stored","event_id":"e"}`, Counts{Requests: 1, Failed: 3}, false, "an answer that bench does not understand"},
		"another member":          {200, `{"received":3,"saved":3,"duplicates":0,"invalid":0}`, Counts{Requests: 1, Failed: 3}, false, "an answer that bench does not understand"},
		"no number":               {200, `{"received":3,"stored":x,"duplicates":0,"invalid":0}`, Counts{Requests: 1, Failed: 3}, false, "an answer that bench does not understand"},
		"cut within":              {200, `{"received":3,"stored":3`, Counts{Requests: 1, Failed: 3}, false, "an answer that bench does not understand"},
		"not a word that it says": {200, `oops`, Counts{Requests: 1, Failed: 3}, false, "an answer that bench does not understand"},
	} {
		for _, measured := range []bool{false, true} {
			tally := newTally()
			if got := tally.settle(c.status, []byte(c.body), 3, measured, time.Millisecond); got != c.settled || tally.Total != c.want {
				t.Errorf("%s: settled %t, %+v", name, got, tally.Total)
			}
			inWindow, times := Counts{}, int64(0)
			if measured {
				inWindow = c.want
				if c.settled {
					times = 1
				}
			}
			if tally.Measured != inWindow || tally.Latency.TotalCount() != times {
				t.Errorf("%s, measured %t: %+v and %d times", name, measured, tally.Measured, tally.Latency.TotalCount())
			}
			said := ""
			for failure, n := range tally.Failures {
				said += strings.Repeat(failure, n)
			}
			if (said == "") != (c.failure == "") || !strings.HasPrefix(said, c.failure) {
				t.Errorf("%s: it says %q, want %q", name, said, c.failure)
			}
		}
	}
	for body, want := range map[string]Counts{
		`{"status":"stored"}`: {Requests: 1, Stored: 1}, `{"status":"duplicate"}`: {Requests: 1, Duplicates: 1}, `{"status":"invalid"}`: {Requests: 1, Failed: 1},
		`{"received":1,"stored":1,"duplicates":0,"invalid":0}`: {Requests: 1, Stored: 1}, `stored"}`: {Requests: 1, Failed: 1},
	} {
		tally := newTally()
		if tally.settle(200, []byte(body), 1, false, 0) != (want.Failed == 0) || tally.Total != want {
			t.Errorf("%s: %+v", body, tally.Total)
		}
	}
	if stored, duplicates, err := parseAnswer([]byte(`{"received":1980,"stored":1009,"duplicates":971,"invalid":0}`), 1980); err != nil || stored != 1009 || duplicates != 971 {
		t.Errorf("%d, %d, %v", stored, duplicates, err)
	}
}

// TestMerge: two tallies are one of all that they have counted.
func TestMerge(t *testing.T) {
	t.Parallel()
	const some = `{"received":3,"stored":1,"duplicates":2,"invalid":0}`
	a, b := newTally(), newTally()
	a.settle(200, []byte(some), 3, true, time.Millisecond)
	a.settle(503, nil, 3, true, time.Second)
	a.settle(504, nil, 3, false, time.Second)
	b.settle(200, []byte(some), 3, true, 4*time.Millisecond)
	b.settle(200, []byte(some), 3, false, 9*time.Millisecond)
	b.settle(503, nil, 3, true, time.Second)
	b.settle(504, nil, 3, true, time.Second)
	b.settle(500, nil, 3, true, time.Second)
	b.fail(errors.New("EOF"), 3)
	a.merge(b)
	if want := (Counts{Requests: 8, Stored: 3, Duplicates: 6, Refused: 6, Failed: 12}); a.Total != want || a.Total.Events() != 9 {
		t.Errorf("%+v, want %+v", a.Total, want)
	}
	if want := (Counts{Requests: 6, Stored: 2, Duplicates: 4, Refused: 6, Failed: 6}); a.Measured != want {
		t.Errorf("%+v in the window, want %+v", a.Measured, want)
	}
	if want := map[string]int{`status 504: ""`: 2, `status 500: ""`: 1, "EOF": 1}; !maps.Equal(a.Failures, want) {
		t.Errorf("%v, want %v", a.Failures, want)
	}
	if n, most := a.Latency.TotalCount(), a.Latency.Max(); n != 2 || most < 4000 || most > 4100 {
		t.Errorf("%d times, at most %d µs", n, most)
	}
	if a.Elapsed = 2 * time.Second; a.Rate(7) != 3.5 {
		t.Errorf("7 in two seconds are %v a second", a.Rate(7))
	}
}

// TestOpenLoopCountsTheWindow: an answer counts for the window in which it came, and what was in its request is noted once it is settled.
func TestOpenLoopCountsTheWindow(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	for name, c := range map[string]struct {
		sent, took time.Duration
		code       uint16
		measured   int
		noted      bool
		failed     int
	}{
		"while it warms up":     {0, 9 * time.Second, 200, 0, true, 0},
		"sent before, came in":  {5 * time.Second, 5 * time.Second, 200, 1, true, 0},
		"in the window":         {15 * time.Second, time.Second, 200, 1, true, 0},
		"at its last moment":    {29 * time.Second, time.Second - 1, 200, 1, true, 0},
		"as it closes":          {29 * time.Second, time.Second, 200, 0, true, 0},
		"refused in the window": {15 * time.Second, time.Second, 503, 1, false, 0},
		"failed in the window":  {15 * time.Second, time.Second, 500, 1, false, 1},
		"no answer":             {15 * time.Second, time.Second, 0, 0, false, 1},
	} {
		noted := 0
		o := Load{Warm: 10 * time.Second, Measure: 20 * time.Second, Ack: func(picks []int) { noted += picks[0] }}
		tally := newTally()
		o.settle(tally, &vegeta.Result{Timestamp: begin.Add(c.sent), Latency: c.took, Code: c.code, Error: "EOF", Body: []byte(`{"status":"stored"}`)}, []int{7}, begin)
		if tally.Measured.Requests != c.measured || (noted == 7) != c.noted || tally.Total.Failed != c.failed {
			t.Errorf("%s: %+v, measured %+v, noted %d", name, tally.Total, tally.Measured, noted)
		}
		if c.code == 0 && tally.Failures["no answer: EOF"] != 1 {
			t.Errorf("%s: %v", name, tally.Failures)
		}
	}
}

// TestTheWindow: what came while it warmed up is counted, and not measured.
func TestTheWindow(t *testing.T) {
	t.Parallel()
	var (
		run            Load
		p              *pretender
		opened, closed int
		tally          = newTally()
	)
	for window := 100 * time.Millisecond; tally.Measured.Stored == 0 && window < longest; window *= 2 {
		p = &pretender{keys: map[string]bool{}}
		run = Load{
			Addresses: []string{start(t, p)}, Warm: 100 * time.Millisecond, Measure: window,
			Encoder: encoder(t), Source: source(), WindowOpens: func() { p.await(2)(); opened = p.stored() }, // the first was answered
			WindowCloses: func() { closed = p.stored() },
		}
		var err error
		if tally, err = run.ClosedLoop(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	// One request may be under way at each end of the window.
	if n := tally.Measured.Stored; opened == 0 || n == 0 || n < closed-opened-1 || n > closed-opened+1 || tally.Total.Stored != len(p.keys) {
		t.Errorf("%d were stored in a window from %d to %d; %d of %d in all", n, opened, closed, tally.Total.Stored, len(p.keys))
	}
	if tally.Elapsed < run.Measure || tally.Rate(tally.Measured.Requests) <= 0 {
		t.Errorf("a window of %v", tally.Elapsed)
	}
}

// TestAReaderThatFails: a page that cannot be had fails the run, whatever the others read.
func TestAReaderThatFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"a status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"events":[]}`)
		},
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `oops`) },
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		asked := make(chan struct{}, 100)
		r := Readers{Count: 1, Address: serve(t, func(w http.ResponseWriter, r *http.Request) {
			defer func() { asked <- struct{}{} }()
			answer(w, r)
		})}
		r.Start(t.Context())
		<-asked
		for began := time.Now(); r.failed.Load() == nil && time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
			continue
		}
		if pages, err := r.Stop(); pages != 0 || err == nil || !strings.HasPrefix(err.Error(), "reader: ") {
			t.Errorf("%s: %d pages, %v", name, pages, err)
		}
	}
}

// TestReadersFollow: every second reader goes on from where a page ended, the others look at the newest again.
func TestReadersFollow(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1000)
	r := Readers{Count: 2, Address: serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked <- q.Get("order") + " " + q.Get("limit") + " " + q.Get("cursor")
		if q.Get("cursor") == "bb" {
			fmt.Fprint(w, `{"events":[],"next_cursor":"bb"}`)
			return
		}
		fmt.Fprintf(w, `{"events":[{}],"next_cursor":"%sb"}`, q.Get("cursor"))
	})}
	r.Start(t.Context())
	times := map[string]int{}
	for times["asc 1000 bb"] < 2 || times[" 100 "] < 2 {
		select {
		case what := <-asked:
			times[what]++
		case <-time.After(time.Minute):
			t.Fatalf("only %v were asked for", times)
		}
	}
	if _, err := r.Stop(); err != nil {
		t.Error(err)
	}
	if times["asc 1000 "] != 1 || times["asc 1000 b"] != 1 || len(times) != 4 {
		t.Errorf("%v were asked for", times)
	}
}
