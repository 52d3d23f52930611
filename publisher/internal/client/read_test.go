package client

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

func TestReadingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, sent := open(t, &ingottest.Server{}), events(5)
		c.Publish(t.Context(), sent)
		stats, err := c.Stats(t.Context())
		if err != nil || stats.UniqueProcessed != 5 {
			t.Errorf("stats %+v (%v), want 5", stats, err)
		}
		rows, err := c.Lookup(t.Context(), sent[2].ID, sent[2].Topic)
		if err != nil || len(rows) != 1 || string(rows[0].Payload) != sent[2].Payload || !rows[0].Timestamp.Equal(sent[2].Timestamp) {
			t.Errorf("lookup gives %+v (%v), want %+v", rows, err, sent[2])
		}
		first, err := c.Feed(t.Context(), "", 1000)
		if err != nil || len(first.Events) != 0 || first.Next == "" {
			t.Errorf("first page %+v (%v), want an empty one that advances", first, err)
		}
		second, err := c.Feed(t.Context(), first.Next, 1000)
		if err != nil || len(second.Events) != 5 {
			t.Errorf("second page has %d events (%v), want 5", len(second.Events), err)
		}
	})
}

// TestTopicsAreNotAskedFor: there may be millions.
func TestTopicsAreNotAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		c := New(Config{URL: "http://ingot/", Timeout: time.Second, GiveUpAfter: time.Minute, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.URL.String())
				w.Write([]byte(`{"unique_processed":9}`))
			}))})
		_, err := c.Stats(t.Context())
		if err = errors.Join(err, c.Reach(t.Context(), func(error) {})); err != nil {
			t.Fatal(err)
		}
		if want := []string{"/stats?topics=0", "/stats?topics=0"}; !slices.Equal(asked, want) {
			t.Errorf("asked for %q, want %q", asked, want)
		}
	})
}

// TestReadingIsRetried meets a 503 first; a 404 is final.
func TestReadingIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := New(Config{URL: "http://ingot/", Timeout: time.Second, GiveUpAfter: time.Minute, Transport: ingottest.Network(t,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n++; n == 1 {
					w.Header().Set("Retry-After", "3")
					w.WriteHeader(503)
				} else if n == 2 {
					w.Write([]byte(`{"unique_processed":9}`))
				} else {
					http.NotFound(w, r)
				}
			}))})
		began := time.Now()
		if s, err := c.Stats(t.Context()); err != nil || s.UniqueProcessed != 9 || time.Since(began) < 3*time.Second {
			t.Errorf("stats %+v (%v) after %v", s, err, time.Since(began))
		}
		if _, err := c.Stats(t.Context()); err == nil || n != 3 {
			t.Errorf("error %v after %d requests, want a final 404", err, n)
		}
	})
}

func TestReachWaitsForAServerThatComesLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := &lateTransport{after: time.Now().Add(10 * time.Second), then: ingottest.Network(t, &ingottest.Server{})}
		c := New(Config{URL: "http://ingot", Timeout: time.Second, GiveUpAfter: time.Minute, Transport: late})
		told := 0
		if err := c.Reach(t.Context(), func(error) { told++ }); err != nil || told != 1 {
			t.Errorf("error %v, told %d times; want none, once", err, told)
		}
		late.after = time.Now().Add(time.Hour)
		if err := c.Reach(t.Context(), func(error) {}); err == nil {
			t.Error("reached a server that is not there")
		}
	})
}

// lateTransport has nobody listen until a point in time.
type lateTransport struct {
	after time.Time
	then  http.RoundTripper
}

func (l *lateTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if time.Now().Before(l.after) {
		return nil, errors.New("nobody listens")
	}
	return l.then.RoundTrip(r)
}
