package monitor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestUsageOfThisProcess(t *testing.T) {
	t.Parallel()
	self := []int{os.Getpid()}
	c := ReadCPU(self, os.Getpid())
	if c.Client <= 0 || c.Postgres < c.Ingester || c.Sub(c) != (CPU{}) {
		t.Errorf("%+v", c)
	}
	if d := (CPU{5, 7, 9}).Sub(CPU{1, 2, 3}); d != (CPU{4, 5, 6}) {
		t.Errorf("the difference is %+v", d)
	}
	if m := PeakMemory(self); m < 1<<20 {
		t.Errorf("a peak of %d bytes", m)
	}
}

// TestParentOfAProcess: Postgres' processes are found by their parent. Of one that is gone nothing is known.
func TestParentOfAProcess(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "3600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if s := readStat(child.Process.Pid); s.parent != os.Getpid() {
		t.Errorf("its parent is %d, want %d", s.parent, os.Getpid())
	}
	_, _ = child.Process.Kill(), child.Wait()
	if s := readStat(child.Process.Pid); s.parent != 0 {
		t.Errorf("it is gone, and its parent is %d", s.parent)
	}
}

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
