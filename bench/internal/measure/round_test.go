package measure

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ingot"
	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// stores says so of every event, and stores none.
func stores(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"stored"}`) }

// attached is an environment with a server that runs already.
func attached(s *httptest.Server, o environment.Options) *environment.Environment {
	return &environment.Environment{Options: o, Attached: &server.Server{Address: s.Listener.Addr().String()}}
}

// TestAServerThatSettlesNothing has no figure, not one of 0 events/s.
func TestAServerThatSettlesNothing(t *testing.T) {
	t.Parallel()
	fails := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oh no", http.StatusInternalServerError) }))
	defer fails.Close()
	env := attached(fails, environment.Options{})
	_, err := measureRound(t.Context(), env, scenario.Scenario{Name: "single-2", Connections: 2}, Window{0, 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), `status 500: "oh no\n"`) {
		t.Errorf("%v, want what went wrong", err)
	}
}

// TestARoundThatWasInterruptedLeavesNothing in a Postgres that was given.
func TestARoundThatWasInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	cluster, err := postgres.OpenCluster(t.Context(), "", pgtest.Durable(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close(t.Context()) }()
	r, err := newRound(&environment.Environment{Cluster: cluster}, scenario.Scenario{}, Window{})
	if err == nil {
		err = cluster.Create(t.Context(), r.scenario.DatabaseName())
	}
	if err != nil {
		t.Fatal(err)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	err = r.tearDown(interrupted)
	if there, failed := cluster.Exists(t.Context(), r.scenario.DatabaseName()); err != nil || failed != nil || there {
		t.Errorf("its database is there: %v, %v, %v", there, err, failed)
	}
}

// TestWindowWithoutFigureSaysWhy: what went wrong most often is named, not the length of the window.
func TestWindowWithoutFigureSaysWhy(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]result.Measurement{
		"3 times: no answer: EOF": {Counts: load.Counts{Refused: 4}, Failures: map[string]int{"no answer: EOF": 3, "no answer: reset": 2}},
		"in 1s: 4 were refused":   {Counts: load.Counts{Refused: 4}},
		"use a longer --measure":  {},
	} {
		if err := nothingSettled(r, time.Second); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestAnIngesterThatStoresNothing: a server that says "stored" to everything is the
// fastest there is, and the round must not stand.
func TestAnIngesterThatStoresNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	if err := postgres.Exec(t.Context(), url, ingot.Schema); err != nil {
		t.Fatal(err)
	}
	liar := httptest.NewServer(http.HandlerFunc(stores))
	defer liar.Close()
	env := attached(liar, environment.Options{DatabaseURL: url})
	m, err := measureRound(t.Context(), env, scenario.Scenario{Name: "liar", Connections: 2}, Window{0, 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := result.Scenario{Rounds: []result.Round{{Measurement: m}}}
	if m.Truth.Missing == 0 || m.Truth.Missing != m.Counts.Stored || s.Broken() == "" {
		t.Errorf("%+v: %q", m.Truth, s.Broken())
	}
}
