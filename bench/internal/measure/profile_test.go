package measure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/internal/buildtest"
	"ingot/internal/pgtest"
)

// profiling is an environment with an ingester and a database, whose rounds are profiled.
func profiling(t *testing.T) *environment.Environment {
	t.Helper()
	dir := t.TempDir()
	if err := buildtest.Build(dir, nil, "ingot/ingest"); err != nil {
		t.Fatal(err)
	}
	cluster, err := postgres.OpenCluster(t.Context(), "", pgtest.Durable(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close(context.Background()) })
	return &environment.Environment{Options: environment.Options{DataDir: dir}, Cluster: cluster, Binary: filepath.Join(dir, "ingest"), Logs: dir, Progress: progress.New(t.Output()), Profiles: true}
}

// TestProfileOfALimit: of a scenario that is the limit of another the profile of its own rounds stays.
func TestProfileOfALimit(t *testing.T) {
	t.Parallel()
	env := profiling(t)
	l, err := OpenLimit(t.Context(), env, "array-100", scenario.Scenario{}, Window{0, time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(env.DataDir, "profiles"))
	if err != nil || len(files) != 1 || files[0].Name() != "array-100-as-limit.pprof" {
		t.Errorf("%v, %v", files, err)
	}
}

// TestALoadThatFailsWaitsForNoProfile: it would take as long as the load was meant to.
func TestALoadThatFailsWaitsForNoProfile(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	profiles := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		select { // its end, so that the test ends as well
		case <-r.Context().Done():
		case <-time.After(2 * time.Minute):
		}
	}))
	defer profiles.Close()
	r := &round{
		env:    &environment.Environment{Options: environment.Options{DataDir: t.TempDir()}, Profiles: true},
		window: Window{0, time.Hour}, servers: []*server.Server{{Debug: profiles.Listener.Addr().String()}},
	}
	broken := errors.New("broken")
	began := time.Now()
	_, err := r.profiled(t.Context(), "p", func(context.Context) (result.Measurement, error) { <-asked; return result.Measurement{}, broken })
	if took := time.Since(began); err != broken || took > time.Minute {
		t.Errorf("%v after %v", err, took)
	}
}

// TestProfileOfTheKnee: each rate has a profile of its own, and the result names that of the rate whose figures are shown.
func TestProfileOfTheKnee(t *testing.T) {
	t.Parallel()
	env := profiling(t)
	s := scenario.Scenario{Name: "open-knee", Rates: []int{20, 40}, Suffix: "_profiled"}
	m, err := measureRound(t.Context(), env, s, Window{0, time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, rate := range []string{"20", "40"} {
		if b, err := os.ReadFile(filepath.Join(env.DataDir, "profiles", "open-knee-"+rate+".pprof")); err != nil || len(b) == 0 {
			if rate == "20" || len(m.Steps) == 2 { // else a busy machine did not keep up with the first
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}
	}
	rate := fmt.Sprintf("%.0f", m.Asked)
	if want := filepath.Join(env.DataDir, "profiles", "open-knee-"+rate+".pprof"); m.Profile != want {
		t.Errorf("%s, want %s", m.Profile, want)
	}
}
