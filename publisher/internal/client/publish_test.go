package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ingot/internal/event"
	"ingot/internal/workload"
	"ingot/publisher/internal/ingottest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func events(n int) (out []event.Event) {
	for i := range n {
		out = append(out, workload.New(1).Event(i))
	}
	return out
}

// open returns a client of srv that waits in the time of the test's bubble.
func open(t *testing.T, srv *ingottest.Server) *Client {
	t.Helper()
	return New(Config{
		URL: "http://ingot", Timeout: 15 * time.Second, GiveUpAfter: time.Minute,
		Transport: ingottest.Network(t, srv),
	})
}

// script hits the requests with faults in turn, and none after the last.
func script(faults ...ingottest.Fault) func(int) ingottest.Fault {
	return func(n int) ingottest.Fault {
		if n < len(faults) {
			return faults[n]
		}
		return ingottest.None
	}
}

func always(f ingottest.Fault) func(int) ingottest.Fault {
	return func(int) ingottest.Fault { return f }
}

// TestEveryFaultIsRetriedUntilStoredOnce has one sentence per kind of fault: the
// first attempt meets it, and the second is taken.
func TestEveryFaultIsRetriedUntilStoredOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		fault    ingottest.Fault
		cause    string
		status   Status
		reopened bool
		atLeast  time.Duration
	}{
		{"503 has stored nothing and its Retry-After is a minimum", ingottest.Busy, "http_503", Stored, false, time.Second},
		{"429 likewise", ingottest.Quota, "http_429", Stored, false, time.Second},
		{"408 likewise", ingottest.SlowBody, "http_408", Stored, false, time.Second},
		{"504 leaves it open, and it was not stored", ingottest.Lost, "http_504", Stored, true, time.Second},
		{"504 leaves it open, and it was stored", ingottest.LostStored, "http_504", Duplicate, true, 0},
		{"500 leaves it open", ingottest.Broken, "http_500", Stored, true, time.Second},
		{"a connection cut before storing", ingottest.CutBefore, "cut", Stored, true, 0},
		{"a connection cut after storing", ingottest.CutAfter, "cut", Duplicate, true, 0},
		{"no answer within the timeout", ingottest.Hang, "timeout", Duplicate, true, 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := &ingottest.Server{Fault: script(c.fault)}
				began := time.Now()
				res := open(t, srv).Publish(t.Context(), events(3))
				if want := []Status{c.status, c.status, c.status}; !slices.Equal(res.Statuses, want) || res.Err != nil {
					t.Errorf("statuses %v (%v), want %v", res.Statuses, res.Err, want)
				}
				if !slices.Equal(res.Retries, []string{c.cause}) || res.Requests != 2 || res.Reopened != c.reopened {
					t.Errorf("retries %v in %d requests, reopened %t; want %s, 2, %t", res.Retries, res.Requests, res.Reopened, c.cause, c.reopened)
				}
				if took := time.Since(began); took < c.atLeast || took > c.atLeast+firstWait {
					t.Errorf("took %v, want %v and the jitter", took, c.atLeast)
				}
				if srv.Rows() != 3 {
					t.Errorf("%d rows, want 3", srv.Rows())
				}
			})
		})
	}
}

// TestGivingUpSaysWhatIsKnown: only when every attempt is known to have stored
// nothing may a batch be called failed.
func TestGivingUpSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  func(int) ingottest.Fault
		status Status
	}{
		{"nothing but 503", always(ingottest.Busy), Failed},
		{"nothing but 504", always(ingottest.LostStored), Unknown},
		{"a 504 and then 503 for ever", func(n int) ingottest.Fault {
			if n == 0 {
				return ingottest.LostStored
			}
			return ingottest.Busy
		}, Unknown},
		{"503 for ever and a cut in between", func(n int) ingottest.Fault {
			if n == 3 {
				return ingottest.CutBefore
			}
			return ingottest.Busy
		}, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				res := open(t, &ingottest.Server{Fault: c.fault}).Publish(t.Context(), events(2))
				if !slices.Equal(res.Statuses, []Status{c.status, c.status}) || !res.GaveUp || res.Err == nil {
					t.Errorf("statuses %v, gave up %t, error %v; want %v", res.Statuses, res.GaveUp, res.Err, c.status)
				}
				if took := time.Since(began); took != time.Minute {
					t.Errorf("gave up after %v, want a minute", took)
				}
				if len(res.Retries) != res.Requests-1 || res.Requests < 10 {
					t.Errorf("%d retries in %d requests", len(res.Retries), res.Requests)
				}
			})
		})
	}
}

func TestFinalAnswersAreNotRetried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		srv    *ingottest.Server
		status Status
		text   string
	}{
		{"403", &ingottest.Server{Fault: always(ingottest.Denied)}, Failed, "403 Forbidden: injected (request test-1)"},
		{"422", &ingottest.Server{Invalid: func(ingottest.Event) bool { return true }}, Invalid, "422 Unprocessable Entity: no event is valid"},
		{"an answer that contradicts the request", &ingottest.Server{Fault: always(ingottest.Garbled)}, Unknown, "answer counts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				res := open(t, c.srv).Publish(t.Context(), events(2))
				if !slices.Equal(res.Statuses, []Status{c.status, c.status}) || res.Requests != 1 || res.GaveUp || res.Barred != (c.name != "422") {
					t.Errorf("statuses %v in %d requests, gave up %t; want %v in 1", res.Statuses, res.Requests, res.GaveUp, c.status)
				}
				if res.Err == nil || !strings.Contains(res.Err.Error(), c.text) {
					t.Errorf("error %v, want %q in it", res.Err, c.text)
				}
			})
		})
	}
}

// TestARefusalAfterAnOpenAttemptStaysOpen: the 403 is final, but the batch may be
// there since the 504.
func TestARefusalAfterAnOpenAttemptStaysOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Fault: script(ingottest.LostStored, ingottest.Denied)}
		res := open(t, srv).Publish(t.Context(), events(1))
		if !slices.Equal(res.Statuses, []Status{Unknown}) {
			t.Errorf("statuses %v, want unknown", res.Statuses)
		}
	})
}

func TestMixedBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		batch := events(4)
		bad := batch[2].ID
		srv := &ingottest.Server{Invalid: func(e ingottest.Event) bool { return e.ID == bad }}
		c := open(t, srv)
		c.Publish(t.Context(), batch[:1])
		res := c.Publish(t.Context(), append(batch, batch[3]))
		if want := []Status{Duplicate, Stored, Invalid, Stored, Duplicate}; !slices.Equal(res.Statuses, want) {
			t.Errorf("statuses %v, want %v", res.Statuses, want)
		}
		if res.Err == nil || !strings.Contains(res.Err.Error(), bad) {
			t.Errorf("error %v, want it to name %s", res.Err, bad)
		}
	})
}

// TestStoppingEndsTheWait: a stop is felt at once between attempts, and after the
// grace within one, whose outcome stays open.
func TestStoppingEndsTheWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  ingottest.Fault
		after  time.Duration
		status Status
	}{
		{"between attempts", ingottest.Busy, 500 * time.Millisecond, Failed},
		{"within an attempt", ingottest.Hang, 500*time.Millisecond + Grace, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				began := time.Now()
				res := open(t, &ingottest.Server{Fault: always(c.fault)}).Publish(ctx, events(1))
				if took := time.Since(began); took != c.after || !slices.Equal(res.Statuses, []Status{c.status}) {
					t.Errorf("%v after %v, want %v after %v", res.Statuses, took, c.status, c.after)
				}
			})
		})
	}
}

// TestAServerThatIsNotThereHasStoredNothing, nor one behind a proxy that is not there.
func TestAServerThatIsNotThereHasStoredNothing(t *testing.T) {
	t.Parallel()
	nobody := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for _, transport := range []http.RoundTripper{nil, &http.Transport{Proxy: http.ProxyURL(nobody)}} {
		c := New(Config{URL: nobody.String(), Timeout: 5 * time.Second, Connections: 1, Transport: transport})
		res := c.Publish(t.Context(), events(1))
		if !slices.Equal(res.Statuses, []Status{Failed}) || !res.GaveUp {
			t.Errorf("statuses %v, gave up %t; want failed", res.Statuses, res.GaveUp)
		}
		if no := unanswered(res.Err); no.cause != "connect" {
			t.Errorf("cause %q, want connect (%v)", no.cause, res.Err)
		}
		c.Close()
	}
}

// TestRetryAfterIsTheMinimum asks for longer than any jitter.
func TestRetryAfterIsTheMinimum(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "-3": 0, "soon": 0, "0": 0} {
		no := refused(answer{status: 503, header: http.Header{"Retry-After": {header}}})
		for n := range 100 {
			if got := no.wait(n); got < want || got > want+maxWait {
				t.Errorf("Retry-After %q, retry %d: wait %v", header, n, got)
			}
		}
	}
	for header, want := range map[string]time.Duration{
		"Mon, 02 Mar 2026 10:00:07 GMT": 7 * time.Second, "Monday, 02-Mar-26 10:00:07 GMT": 7 * time.Second, "Mon Mar  2 10:00:07 2026": 7 * time.Second,
		"Mon, 02 Mar 2026 09:59:59 GMT": 0, "Tue, 02 Mar 2266 10:00:00 GMT": 24 * time.Hour, "99999999": 24 * time.Hour, "2 March": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {header}, "Date": {"Mon, 02 Mar 2026 10:00:00 GMT"}}); got != want {
			t.Errorf("Retry-After %q: %v, want %v", header, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) { // an answer without a date
		at := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
		if got := retryAfter(http.Header{"Retry-After": {at}}); got != time.Minute {
			t.Errorf("Retry-After %q: %v, want a minute", at, got)
		}
	})
	no := refusal{err: errors.New("x")}
	for range 100 {
		if got := no.wait(0); got >= firstWait {
			t.Errorf("the first wait is %v, want under %v", got, firstWait)
		}
	}
}

// TestInsist: a refusal that is not about the events is told once, and believed after the time; one of the events at once.
func TestInsist(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		requests, told int
		took           time.Duration
	}{404: {2, 1, time.Minute}, 413: {1, 0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			c := New(Config{URL: "http://ingot", Timeout: time.Second, GiveUpAfter: time.Hour, Transport: ingottest.Network(t,
				http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))})
			defer c.Close()
			told, began := 0, time.Now()
			c.Insist(time.Minute, func(error) { told++ })
			res := c.Publish(t.Context(), events(2))
			if took := time.Since(began); res.Requests < want.requests || told != want.told || took != want.took || res.GaveUp || res.Err == nil {
				t.Errorf("%d: told %d times, after %v: %+v", status, told, took, res)
			}
			if c.Publish(t.Context(), events(2)); told != want.told {
				t.Errorf("%d: told %d times", status, told)
			}
		})
	}
}

// TestInsistCountsFromTheFirstRefusal: how long the server was away before does not shorten the doubt, nor a doubt that is over.
func TestInsistCountsFromTheFirstRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := New(Config{URL: "http://ingot", Timeout: time.Second, GiveUpAfter: time.Hour, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				status := http.StatusNotFound
				if away := time.Since(began); away < 10*time.Minute || away > 10*time.Minute+40*time.Second && away < 11*time.Minute {
					status = http.StatusServiceUnavailable
				}
				w.WriteHeader(status)
			}))})
		defer c.Close()
		c.Insist(time.Minute, func(error) {})
		res := c.Publish(t.Context(), events(2))
		if took := time.Since(began); took < 12*time.Minute || took > 12*time.Minute+3*maxWait || res.GaveUp || !res.Barred {
			t.Errorf("after %v: %+v", took, res)
		}
	})
}
