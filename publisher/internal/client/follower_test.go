package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

// TestBackoffBeginsAnew after an event, and after a stream that held for a while; not
// because an answer has come. Each pause is drawn: a stream that is opened again and
// again tells by all of them together.
func TestBackoffBeginsAnew(t *testing.T) {
	t.Parallel()
	const streams = 40
	most := streams * firstWait << reopen // as long as the backoff begins anew each time
	for _, c := range []struct {
		name   string
		stream func(w http.ResponseWriter)
		lasts  time.Duration
		anew   bool
	}{
		{"an event", func(w http.ResponseWriter) { fmt.Fprint(w, "id: 1\ndata: {}\n\n") }, 0, true},
		{"a stream that held", func(w http.ResponseWriter) {
			fmt.Fprint(w, "id: 1\n\n")
			w.(http.Flusher).Flush()
			time.Sleep(maxWait + time.Second)
		}, maxWait + time.Second, true},
		{"nothing but an answer", func(w http.ResponseWriter) { fmt.Fprint(w, "id: 1\n\n") }, 0, false},
		{"a refusal", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			to := New(Config{URL: "http://ingot", Timeout: time.Minute, GiveUpAfter: time.Hour, Transport: ingottest.Network(t,
				http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if n++; n > streams {
						w.WriteHeader(http.StatusNotFound)
						return
					}
					w.Header().Set("Content-Type", "text/event-stream")
					c.stream(w)
				}))})
			defer to.Close()
			began := time.Now()
			if err := endOf(to.Follower().Stream(t.Context(), Query{After: "now"})); err == nil {
				t.Error("it ended without an error")
			}
			paused := time.Since(began) - streams*c.lasts
			if anew := paused <= most; anew != c.anew {
				t.Errorf("%s: %d pauses took %v, at most %v while the backoff begins anew", c.name, streams, paused, most)
			}
		})
	}
}

// TestSlowlyIsNotSilent: an event whose payload has line breaks comes in as many lines. Each of them is a word
// of the server, or over a slow network it would be begun again and again.
func TestSlowlyIsNotSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		streams := 0
		to := New(Config{URL: "http://ingot", Timeout: time.Minute, GiveUpAfter: time.Hour, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				streams++
				w.Header().Set("Content-Type", "text/event-stream")
				for _, line := range []string{"id: 1\n", "data: {\n", "data: }\n", "\n"} {
					fmt.Fprint(w, line)
					w.(http.Flusher).Flush()
					select {
					case <-time.After(40 * time.Second):
					case <-r.Context().Done():
						return
					}
				}
			}))})
		defer to.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // in the bubble
		defer cancel()
		for got, err := range to.Follower().Stream(ctx, Query{After: "now"}) {
			if err != nil || string(got.Object) != "{\n}" || streams != 1 {
				t.Errorf("%q of %d streams, %v", got.Object, streams, err)
			}
			return
		}
		t.Error("nothing came")
	})
}

// TestAStreamThatIsLeft is closed: the server is not left with somebody who reads nothing.
func TestAStreamThatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open := false
		to := New(Config{URL: "http://ingot", Timeout: time.Minute, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				open = true
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprint(w, "id: 1\ndata: {}\n\n")
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				open = false
			}))})
		defer to.Close()
		for _, err := range to.Follower().Stream(t.Context(), Query{After: "now"}) {
			if err != nil || !open {
				t.Errorf("open: %t, %v", open, err)
			}
			break
		}
		if synctest.Wait(); open {
			t.Error("it is still open")
		}
	})
}

// TestThePlaceStays where a block has none, as a comment: the next stream begins behind the last event.
func TestThePlaceStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var from []string
		to := New(Config{URL: "http://ingot", Timeout: time.Minute, GiveUpAfter: time.Hour, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if from = append(from, r.Header.Get("Last-Event-ID")); len(from) == 2 {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprint(w, "id: 7\ndata: {}\n\n: going away\n\n")
			}))})
		defer to.Close()
		for got, err := range to.Follower().Stream(t.Context(), Query{After: "now"}) {
			if err == nil && got.Place != "7" {
				t.Errorf("the place is %q", got.Place)
			}
		}
		if !slices.Equal(from, []string{"", "7"}) {
			t.Errorf("streams began at %q", from)
		}
	})
}

// TestABlockWithoutAnEnd is not gathered until memory is used up.
func TestABlockWithoutAnEnd(t *testing.T) {
	t.Parallel()
	line, sent := "data: "+strings.Repeat("x", 1<<20)+"\n", 0
	to := New(Config{URL: "http://ingot", Timeout: patience, Transport: ingottest.Network(t,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for ; sent < 2*maxAnswer; sent += len(line) {
				if _, err := fmt.Fprint(w, line); err != nil {
					return
				}
			}
		}))})
	defer to.Close()
	err := endOf(to.Follower().Stream(t.Context(), Query{After: "now"}))
	if want := fmt.Sprintf("a block has more than %d bytes", maxAnswer); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("it ended with %v, want %q", err, want)
	}
}

// endOf takes whatever comes, and returns the error that ends it.
func endOf(stream iter.Seq2[Delivery, error]) error {
	for _, err := range stream {
		if err != nil {
			return err
		}
	}
	return nil
}
