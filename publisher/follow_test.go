package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ingot/internal/event"
	"ingot/publisher/internal/client"
	"ingot/publisher/internal/ingottest"
)

// followed runs follow to its end.
func followed(t *testing.T, ctx context.Context, network http.RoundTripper, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	return command(ctx, network, append([]string{"follow", "--url=http://ingot"}, args...)...)
}

// publish sends events whose ids are the numbers from .. to-1, on topics a, b and c in
// turn, each in a request of its own.
func publish(t *testing.T, network http.RoundTripper, from, to int) {
	t.Helper()
	c := client.New(client.Config{URL: "http://ingot", Timeout: time.Second, Transport: network})
	for n := from; n < to; n++ {
		e := event.Event{
			ID: fmt.Sprint(n), Topic: string(rune('a' + n%3)), Source: "s" + fmt.Sprint(n%2),
			Timestamp: time.Date(2025, 12, 19, 10, 0, 0, 0, time.UTC), Payload: `{"n":` + fmt.Sprint(n) + `}`,
		}
		if res := c.Publish(t.Context(), []event.Event{e}); res.Statuses[0] != client.Stored {
			t.Fatalf("event %d: %+v", n, res)
		}
	}
}

// publishAfter publishes them later. What it returns is closed when the last is answered, which a follower does not wait for:
// no test may end before that.
func publishAfter(t *testing.T, wait time.Duration, network http.RoundTripper, from, to int) <-chan struct{} {
	t.Helper()
	done := make(chan struct{})
	time.AfterFunc(wait, func() {
		defer close(done)
		publish(t, network, from, to)
	})
	return done
}

// idsOf reads what --json printed.
func idsOf(t *testing.T, stdout string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var e client.Row
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// numbers are the ids from .. to-1.
func numbers(from, to int) (ids []string) {
	for n := from; n < to; n++ {
		ids = append(ids, fmt.Sprint(n))
	}
	return ids
}

// TestFollowGoesOnWhereItBroke: streams are cut in the middle of an event, also of
// their first; each event is printed once, in order, and each outage told once.
func TestFollowGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cuts := []int{3, 0, 25, 1}
		srv := &ingottest.Server{Cut: func(n int) int { return append(cuts, slices.Repeat([]int{-1}, 100)...)[n] }}
		network := ingottest.Network(t, srv)
		publish(t, network, 0, 50)
		published := publishAfter(t, time.Hour, network, 50, 100)
		exit, stdout, stderr := followed(t, t.Context(), network, "--after=beginning", "--count=100", "--json")
		<-published
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(0, 100)) {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		if n := strings.Count(stderr, "trying again\n"); n != len(cuts) || strings.Count(stderr, "connected again") != n || srv.Streams() != n+1 {
			t.Errorf("%d streams, stderr:\n%s", srv.Streams(), stderr)
		}
	})
}

// TestFollowOutlastsAServerThatIsAway: the outage is told once, however long it is.
func TestFollowOutlastsAServerThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{}
		inner := ingottest.Network(t, srv)
		network := &flaky{then: inner}
		network.away.Store(true)
		publish(t, inner, 0, 5)
		time.AfterFunc(time.Hour, func() { network.away.Store(false) })
		exit, stdout, stderr := followed(t, t.Context(), network, "--after=beginning", "--count=5", "--json")
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(0, 5)) || strings.Count(stderr, "trying again") != 1 {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		network.away.Store(true)
		if exit, _, stderr := followed(t, t.Context(), network, "--give-up-after=1m"); exit != exitBad || !strings.Contains(stderr, "gave up after") {
			t.Errorf("exit %d\n%s", exit, stderr)
		}
	})
}

// TestFollowTriesForAsLongAsItWasTold, and once more at the end of that: a server that
// comes back just before is found.
func TestFollowTriesForAsLongAsItWasTold(t *testing.T) {
	t.Parallel()
	for _, told := range []time.Duration{0, 50 * time.Millisecond, time.Second, 10 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			network := &flaky{then: ingottest.Network(t, &ingottest.Server{})}
			network.away.Store(true)
			began := time.Now()
			exit, _, stderr := followed(t, t.Context(), network, "--give-up-after="+told.String())
			if took := time.Since(began); exit != exitBad || took != told || !strings.Contains(stderr, "gave up after "+told.String()+":") {
				t.Errorf("%v: exit %d after %v\n%s", told, exit, took, stderr)
			}
			if told == 0 {
				return
			}
			publish(t, network.then, 0, 1)
			time.AfterFunc(told-1, func() { network.away.Store(false) })
			if exit, stdout, stderr := followed(t, t.Context(), network, "--after=beginning", "--count=1", "--give-up-after="+told.String()); exit != exitOK || stdout == "" {
				t.Errorf("%v, back in time: exit %d\n%s", told, exit, stderr)
			}
		})
	}
}

// TestFollowDoesNotHammer: a server that opens every stream and cuts it at once is
// asked every few seconds, not in a loop.
func TestFollowDoesNotHammer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := &ingottest.Server{Cut: func(int) int { return 0 }}
		network := ingottest.Network(t, srv)
		publish(t, network, 0, 1)
		ctx, interrupt := context.WithTimeout(t.Context(), 10*time.Minute)
		defer interrupt()
		exit, stdout, _ := followed(t, ctx, network, "--after=beginning")
		if n := srv.Streams(); exit != exitOK || stdout != "" || n < 60 || n > 600 {
			t.Errorf("exit %d, %d streams in ten minutes, stdout %q", exit, n, stdout)
		}
	})
}

// TestFollowNoticesSilence: heartbeats keep a stream; without them it is opened anew.
func TestFollowNoticesSilence(t *testing.T) {
	t.Parallel()
	for mute, streams := range map[bool]int{false: 1, true: 9} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{Mute: mute}
			network := ingottest.Network(t, srv)
			ctx, interrupt := context.WithTimeout(t.Context(), 9*time.Minute+30*time.Second)
			defer interrupt()
			exit, _, stderr := followed(t, ctx, network)
			if exit != exitOK || srv.Streams() < streams-1 || srv.Streams() > streams+1 || strings.Contains(stderr, "has stopped sending") != mute {
				t.Errorf("mute %v: exit %d, %d streams\n%s", mute, exit, srv.Streams(), stderr)
			}
		})
	}
}

// TestFollowCount: no more than that, and the summary says how to go on.
func TestFollowCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		publish(t, network, 0, 10)
		exit, stdout, stderr := followed(t, t.Context(), network, "--after=beginning", "--count=3", "--json")
		if got := idsOf(t, stdout); exit != exitOK || !slices.Equal(got, numbers(0, 3)) || !strings.Contains(stderr, "ok: received as many events") {
			t.Errorf("exit %d, printed %v\n%s", exit, got, stderr)
		}
		_, cursor, found := strings.Cut(stderr, "--after=")
		cursor, _, _ = strings.Cut(cursor, "\n")
		_, stdout, _ = followed(t, t.Context(), network, "--after="+cursor, "--count=7", "--json")
		if got := idsOf(t, stdout); !found || !slices.Equal(got, numbers(3, 10)) {
			t.Errorf("--after=%s went on with %v", cursor, got)
		}
	})
}

// watched is a stdout that is looked at while it is written, and that can fail.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	full error
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full != nil {
		return 0, w.full
	}
	return w.text.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestFollowPrintsAsTheyCome: what was there before is not printed, what comes is at
// once, filtered; an interrupt is a good end. There is no live line without a terminal.
func TestFollowPrintsAsTheyCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		publish(t, network, 0, 10)
		var out, errs watched
		ctx, interrupt := context.WithCancel(t.Context())
		exit := make(chan int)
		go func() { // ends with the interrupt
			exit <- run(ctx, []string{"follow", "--url=http://ingot", "--topic=a", "--topic=c", "--source=s0", "--json"}, surroundings{stdout: &out, stderr: &errs, transport: network})
		}()
		synctest.Wait()
		time.Sleep(time.Minute)
		publish(t, network, 10, 20)
		synctest.Wait()
		if got := idsOf(t, out.String()); !slices.Equal(got, []string{"12", "14", "18"}) {
			t.Errorf("printed %v", got)
		}
		interrupt()
		if n := <-exit; n != exitOK || !strings.Contains(errs.String(), "outcome    interrupted") || strings.Contains(errs.String(), "\x1b") {
			t.Errorf("exit %d, stderr %q", n, errs.String())
		}
		for _, says := range []string{"latency p50", "the clocks may differ"} {
			if !strings.Contains(errs.String(), says) {
				t.Errorf("the summary does not say %q:\n%s", says, errs.String())
			}
		}
	})
}

// TestFollowThatCannotPrint ends, and does not name a place behind what it did not print.
func TestFollowThatCannotPrint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		publish(t, network, 0, 3)
		var errs bytes.Buffer
		exit := run(t.Context(), []string{"follow", "--url=http://ingot", "--after=beginning"},
			surroundings{stdout: &watched{full: errors.New("no space left")}, stderr: &errs, transport: network})
		if says := errs.String(); exit != exitBad || !strings.Contains(says, "no space left") || strings.Contains(says, "--after=") {
			t.Errorf("exit %d\n%s", exit, says)
		}
	})
}

// TestFollowSaysWhatIsPrinted: a stdout that fails later on leaves the place behind the
// events that it took, and the next following goes on there. What does not fit in one
// write is written in several.
func TestFollowSaysWhatIsPrinted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := ingottest.Network(t, &ingottest.Server{})
		const all = 1000 // more than fullScreen
		publish(t, network, 0, all)
		var errs bytes.Buffer
		out := &fills{after: 1}
		exit := run(t.Context(), []string{"follow", "--url=http://ingot", "--after=beginning", "--json"}, surroundings{stdout: out, stderr: &errs, transport: network})
		_, cursor, found := strings.Cut(errs.String(), "after what was printed, use --after=")
		cursor, _, _ = strings.Cut(cursor, "\n")
		if exit != exitBad || !found || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("exit %d\n%s", exit, errs.String())
		}
		got := idsOf(t, out.text.String())
		ctx, stop := context.WithTimeout(t.Context(), time.Minute) // for a place that leaves some out
		defer stop()
		_, stdout, _ := followed(t, ctx, network, "--after="+cursor, fmt.Sprintf("--count=%d", all-len(got)), "--json")
		if got = append(got, idsOf(t, stdout)...); !slices.Equal(got, numbers(0, all)) {
			t.Errorf("printed, with what came after %s: %v", cursor, got)
		}
	})
}

// fills is a stdout that takes so many writes, and no more.
type fills struct {
	after int
	text  bytes.Buffer
}

func (f *fills) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("no space left")
	}
	return f.text.Write(b)
}

// TestFollowIsTakenBackByReplay: what --json prints is sent again as it was.
func TestFollowIsTakenBackByReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from, to := &ingottest.Server{}, &ingottest.Server{}
		network := ingottest.Network(t, from)
		publish(t, network, 0, 7)
		c := client.New(client.Config{URL: "http://ingot", Timeout: time.Second, Transport: network})
		large := event.Event{ID: "large", Topic: "t", Source: "s", Timestamp: time.Unix(1, 0).UTC(), Payload: `"` + strings.Repeat("x", 200<<10) + `"`}
		if res := c.Publish(t.Context(), []event.Event{large}); res.Statuses[0] != client.Stored {
			t.Fatal(res)
		}
		odd := event.Event{ID: `ö"1`, Topic: "t", Source: "s", Timestamp: time.Unix(0, 1000).UTC(), Payload: "{\n\"a\": 1.50,\n\"received_at\":\"x\"}"}
		if res := c.Publish(t.Context(), []event.Event{odd}); res.Statuses[0] != client.Stored {
			t.Fatal(res)
		}
		_, stdout, _ := followed(t, t.Context(), network, "--after=beginning", "--count=9", "--json")
		if !strings.Contains(stdout, `"received_at":"2000-01-01T00:00:00`) {
			t.Errorf("not as the server writes it: %s", stdout)
		}
		exit, o := replayed(t, t.Context(), ingottest.Network(t, to), stdout, "-", "--format=auto")
		if exit != exitOK || o.Stored != 9 || o.Audit == nil || o.Audit.Found != 9 {
			t.Errorf("exit %d, %+v", exit, o)
		}
		want := strings.ReplaceAll(odd.Payload, "\n", " ")
		to.Each(func(e ingottest.Event) {
			if e.ID == odd.ID && (e.Payload != want || !e.Timestamp.Equal(odd.Timestamp)) {
				t.Errorf("came back as %s %s", e.Timestamp, e.Payload)
			}
		})
	})
}
