package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// TestFollowASubscription: it is made once, and goes on where the last run ended; the
// count is the last that is committed.
func TestFollowASubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		publish(t, network, 0, 30)
		create := []string{"--subscription=billing", "--create", "--after=beginning", "--topic=b", "--topic=c", "--json"}
		exit, stdout, stderr := followed(t, t.Context(), network, append(create, "--count=5")...)
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, []string{"1", "2", "4", "5", "7"}) {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		exit, stdout, stderr = followed(t, t.Context(), network, append(create, "--count=2")...) // it is there: the same
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, []string{"8", "10"}) {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		exit, stdout, stderr = followed(t, t.Context(), network, "--subscription=billing", "--count=3", "--json")
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, []string{"11", "13", "14"}) {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		exit, _, stderr = followed(t, t.Context(), network, "--subscription=billing", "--create")
		if exit != exitBad || !strings.Contains(stderr, "409") || !strings.Contains(stderr, "leave out --create") {
			t.Errorf("exit %d\n%s", exit, stderr)
		}
	})
}

// TestFollowWaitsForASubscription: for as long as nothing comes, and through a server
// that is away.
func TestFollowWaitsForASubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := ingottest.Network(t, &ingottest.Server{})
		network := &flaky{then: inner}
		time.AfterFunc(10*time.Minute, func() { network.away.Store(true) })
		time.AfterFunc(20*time.Minute, func() { network.away.Store(false) })
		var publishing sync.WaitGroup
		defer publishing.Wait() // its last answer may come after the events
		publishing.Go(func() {
			time.Sleep(15 * time.Minute)
			publish(t, inner, 0, 3)
			time.Sleep(15 * time.Minute)
			publish(t, inner, 3, 6)
		})
		exit, stdout, stderr := followed(t, t.Context(), network, "--subscription=x", "--create", "--count=6", "--json")
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(0, 6)) {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
	})
}

// TestFollowCrashesBeforeTheCommit: what was printed and not committed comes again, and
// the summary says so.
func TestFollowCrashesBeforeTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Commit: func(n int) ingottest.Fault {
			if n > 0 && n < 20 {
				return ingottest.Busy
			}
			return ingottest.None
		}}
		network := ingottest.Network(t, srv)
		publish(t, network, 0, 3)
		published := publishAfter(t, time.Second, network, 3, 4)
		ctx, interrupt := context.WithTimeout(t.Context(), 5*time.Second)
		defer interrupt()
		exit, stdout, stderr := followed(t, ctx, network, "--subscription=x", "--create", "--after=beginning", "--json")
		<-published
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(0, 4)) || !strings.Contains(stderr, "1 events were printed but not committed: they will come again") {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		publish(t, network, 4, 5)
		exit, stdout, stderr = followed(t, t.Context(), network, "--subscription=x", "--count=2", "--json")
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(3, 5)) || strings.Contains(stderr, "they will come again") {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
	})
}

// TestFollowIsInterruptedInTheCommit: it still has a moment, so that nothing comes again.
func TestFollowIsInterruptedInTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		network := ingottest.Network(t, &ingottest.Server{Commit: func(n int) ingottest.Fault {
			if n > 0 {
				return ingottest.None
			}
			interrupt()
			return ingottest.Busy
		}})
		publish(t, network, 0, 3)
		exit, stdout, stderr := followed(t, ctx, network, "--subscription=x", "--create", "--after=beginning", "--json")
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(0, 3)) || strings.Contains(stderr, "they will come again") {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
	})
}

// TestFollowThatMayNotCommit fails: what it has printed comes again.
func TestFollowThatMayNotCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		publish(t, ingottest.Network(t, srv), 0, 3)
		network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			srv.ServeHTTP(w, r)
		}))
		exit, stdout, stderr := followed(t, t.Context(), network, "--subscription=x", "--create", "--after=beginning", "--count=3", "--json")
		if got := idsOf(t, stdout); exit != exitBad || !slices.Equal(got, numbers(0, 3)) || !strings.Contains(stderr, "3 events were printed but not committed: they will come again") {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
	})
}

// TestFollowOfAServerThatDoesNotWait: one that answers a poll at once, with nothing, is asked once a second.
func TestFollowOfAServerThatDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithTimeout(t.Context(), 10*time.Second)
		defer interrupt()
		polls, commits := 0, 0
		network := ingottest.Network(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				commits++
			} else if polls++; polls > 100 {
				interrupt()
			}
			fmt.Fprint(w, `{"events":[],"next_cursor":"7"}`)
		}))
		exit, _, stderr := followed(t, ctx, network, "--subscription=x")
		synctest.Wait() // the end of the time may have come while the server was answering
		if exit != exitOK || polls > 12 || commits != 1 {
			t.Errorf("exit %d, %d polls, %d commits of one place\n%s", exit, polls, commits, stderr)
		}
	})
}

// TestFollowCommitsOnlyWhatIsPrinted: a stdout that fails leaves the place where it is.
func TestFollowCommitsOnlyWhatIsPrinted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		publish(t, network, 0, 3)
		var errs bytes.Buffer
		exit := run(t.Context(), []string{"follow", "--url=http://ingot", "--subscription=x", "--create", "--after=beginning"},
			surroundings{stdout: &watched{full: errors.New("no space left")}, stderr: &errs, transport: network})
		if says := errs.String(); exit != exitBad || !strings.Contains(says, "no space left") || !strings.Contains(says, "they will come again") {
			t.Errorf("exit %d\n%s", exit, says)
		}
		_, stdout, _ := followed(t, t.Context(), network, "--subscription=x", "--count=3", "--json")
		if got := idsOf(t, stdout); !slices.Equal(got, numbers(0, 3)) {
			t.Errorf("printed %v", got)
		}
	})
}
