package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ingot/internal/buildtest"
)

// TestTheShellDoesNotSteerAServer unnoticed.
func TestTheShellDoesNotSteerAServer(t *testing.T) {
	t.Parallel()
	kept := cleanEnv([]string{"PATH=/bin", "INGOT_DEADLINE=1s", "DATABASE_URL=postgres://x/y", "PGHOST=z", "HOME=/h"})
	if got := strings.Join(kept, " "); got != "PATH=/bin HOME=/h" {
		t.Errorf("kept %s", got)
	}
}

func TestProcessStops(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	s, err := startProcess(filepath.Join(t.TempDir(), "log"), sleep, "3600")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID(), 0); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("sleep ended with %v", err)
	}
	if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestAChildThatEndsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := start(t.Context(), filepath.Join(t.TempDir(), "log"), "127.0.0.1:1", "/bin/sh", "-c", "echo the port is taken; exit 3")
	if err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Errorf("%v", err)
	}
}

// TestNobodyIsWaitedForWithoutEnd: a build that starts and does nothing, and one that never gets ready.
func TestNobodyIsWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	idle := filepath.Join(t.TempDir(), "idle")
	if err := buildtest.Write(idle, []byte("#!/bin/sh\nexec sleep 100\n")); err != nil {
		t.Fatal(err)
	}
	if begin := time.Now(); HasFlag(ctx, idle, debugFlag) || time.Since(begin) > time.Minute {
		t.Errorf("asked for its flags for %v", time.Since(begin))
	}
	s, err := startProcess(filepath.Join(t.TempDir(), "log"), idle)
	if err != nil {
		t.Fatal(err)
	}
	s.Address = "127.0.0.1:1" // nobody gets this port by chance
	if err := s.awaitPort(t.Context(), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), s.log) {
		t.Errorf("%v, want where to look", err)
	}
	unready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer unready.Close()
	s.Address = unready.Listener.Addr().String()
	if err := s.awaitReady(t.Context(), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "not ready after 50ms: see "+s.log) {
		t.Errorf("%v, want where to look", err)
	}
	if err := s.Stop(); err == nil {
		t.Error("it ended by itself")
	}
}
