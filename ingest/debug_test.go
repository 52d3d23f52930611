package main

import (
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestDebugListen: profiles are there until it is stopped.
func TestDebugListen(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.InfoLevel)
	stop, err := serveDebug("127.0.0.1:0", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	base, _ := logs.All()[0].ContextMap()["open"].(string)
	for _, profile := range []string{"", "goroutine?debug=1", "symbol"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+profile, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status := statusOf(t, r); status != http.StatusOK {
			t.Errorf("%s: %d", profile, status)
		}
	}
	stop()
	if logs.Len() != 1 {
		t.Errorf("a stop is no failure: %v", logs.All())
	}
}
