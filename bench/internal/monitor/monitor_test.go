package monitor

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSampler(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 3)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"received":7,"queue":{"batches":2,"queued_events":3},"topics":{}}`))
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	s := StartSampler(context.Background(), []string{address, address})
	for range 3 { // both servers of the first sample, and one of the second
		<-asked
	}
	samples := s.Stop()
	if len(samples) == 0 {
		t.Error("it saw nothing")
	}
	for _, sample := range samples {
		if sample.Received != 7 || sample.Batches != 4 || sample.Queued != 6 {
			t.Errorf("%+v", sample)
		}
	}
}

func TestMallocs(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/debug/pprof/heap?debug=1" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte("heap profile: 1: 2 [3: 4] @ heap/1048576\n\n# runtime.MemStats\n# TotalAlloc = 5\n# Mallocs = 678\n# Frees = 9\n"))
	}))
	defer server.Close()
	if n, err := Mallocs(t.Context(), strings.TrimPrefix(server.URL, "http://")); n != 678 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := Mallocs(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("a server that has no profiles: %d, %v", n, err)
	}
}

// TestALongProfileIsWaitedFor, and one that never comes is not.
func TestALongProfileIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(time.Hour)
		client.Transport = after(time.Hour)
		body, err := get(t.Context(), client, "there", "profile?seconds=3600")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if b, err := io.ReadAll(body); string(b) != "profile" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		client.Transport = after(2 * time.Hour)
		if body, err := get(t.Context(), client, "there", "profile?seconds=3600"); err == nil {
			body.Close()
			t.Error("it is waited for without end")
		}
	})
}

// after answers when so much time has passed.
type after time.Duration

func (a after) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Duration(a)):
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("profile")), Request: r}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}
