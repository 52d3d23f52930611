package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ingot/bench/internal/measure"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/internal/buildtest"
	"ingot/internal/pgtest"
)

// TestPair: twice the events in the same processor time are half of it an event.
func TestPair(t *testing.T) {
	t.Parallel()
	slow := result.Measurement{Events: 1000, Seconds: 2, CPU: monitor.CPU{Ingester: 40 * time.Millisecond, Postgres: 20 * time.Millisecond}}
	quick := slow
	quick.Events = 2000
	even := measure.Start{{slow, slow}, {quick, quick}}
	p := measure.Pair{Scenario: scenario.Scenario{Name: "s"}, Pairs: 5, LeftOut: 1, Starts: []measure.Start{even, even}}
	var out bytes.Buffer
	if err := pairTable(&out, &p); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"s, 4 PAIRS, 2 STARTS", "1000.00  2000.00", "20.00", "10.00", "2.000  0.000", "0.500  0.000", "1 of 5 pairs are left out"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), "  "), strings.Join(strings.Fields(want), "  ")) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestThePairsOfAStartCountOnce: what a start has given to a process is in all of its pairs.
func TestThePairsOfAStartCountOnce(t *testing.T) {
	t.Parallel()
	slow, quick := result.Measurement{Events: 1000, Seconds: 1}, result.Measurement{Events: 2000, Seconds: 1}
	p := measure.Pair{Starts: []measure.Start{
		{{slow, slow, slow}, {quick, quick, quick}},
		{{quick, quick, quick}, {slow, slow, slow}},
	}}
	var out bytes.Buffer
	if err := pairTable(&out, &p); err != nil || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "1500.00 1500.00 1.000 0.693") {
		t.Errorf("%v\n%s", err, out.String()) // 0.693 is ln 2; six pairs by themselves had 0.310
	}
}

// TestPairOfRealIngesters: both are started, loaded in turn, held to the truth and stopped.
func TestPairOfRealIngesters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := buildtest.Build(dir, nil, "ingot/ingest"); err != nil {
		t.Fatal(err)
	}
	ingester := filepath.Join(dir, "ingest")
	cluster := pgtest.Durable(t)
	var data string
	pair := func(measure time.Duration) (code int, out, said string) {
		data = t.TempDir()
		var stdout, stderr bytes.Buffer
		code = run(t.Context(), []string{
			"pair", "single-64", ingester, ingester, "--pairs=2", "--starts=2", "--warm=20ms", "--measure=" + measure.String(),
			"--data-dir", data, "--database-url", cluster.URL(),
		}, output{&stdout, &stderr})
		return code, stdout.String(), stderr.String()
	}
	measure := 300 * time.Millisecond
	code, out, said := pair(measure)
	for measure < 10*time.Second && strings.Contains(said, "use a longer --measure") { // a busy machine
		measure *= 3
		code, out, said = pair(measure)
	}
	// Of the ingester's processor time there may be no tick in a window, and no line then.
	logs, _ := filepath.Glob(filepath.Join(data, "logs", "ingest-*.log"))
	if code != 0 || len(logs) < 3 || !strings.Contains(out, "\nevents/s ") || strings.Contains(out, "Postgres") || strings.Contains(out, "NaN") {
		t.Errorf("exit code %d, logs of %d ingesters; want events/s, those of each start, and nothing of a Postgres that is not its own:\n%s%s", code, len(logs), out, said)
	}
	if code, out, said := pair(time.Nanosecond); code == 0 || !strings.Contains(said, "--measure") {
		t.Errorf("a window without an answer: exit code %d:\n%s%s", code, out, said)
	}
}
