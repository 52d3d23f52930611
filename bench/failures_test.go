package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ingot/bench/internal/scenario"
)

// TestAServerThatSettlesNothing has no figure, not one of 0 events/s.
func TestAServerThatSettlesNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oh no", http.StatusInternalServerError) }))
	defer server.Close()
	h := &house{place: place{URL: server.URL}}
	if err := h.findIngester(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := h.round(t.Context(), scenario.Scenario{Name: "single-2", Connections: 2}, window{0, 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), `status 500: "oh no\n"`) {
		t.Errorf("%v, want what went wrong", err)
	}
}
