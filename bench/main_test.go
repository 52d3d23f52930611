package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/internal/buildtest"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestQuickSetIsQuick(t *testing.T) {
	t.Parallel()
	c := runCommand{Rows: scenario.BaseRows}
	quickSet, err := c.selectScenarios()
	if err != nil || len(quickSet) < 4 || len(quickSet) > 6 {
		t.Errorf("%d scenarios, %v", len(quickSet), err)
	}
	c.Full = true
	want := slices.DeleteFunc(scenario.All(), func(s scenario.Scenario) bool { return s.Set == scenario.Named })
	if all, _ := c.selectScenarios(); len(all) != len(want) || len(all) <= len(quickSet) {
		t.Errorf("--full chooses %d of %d", len(all), len(want))
	}
	c.Scenarios = []string{"index-all-100"}
	if one, err := c.selectScenarios(); err != nil || len(one) != 1 {
		t.Errorf("by its name %d scenarios, %v", len(one), err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"list":               {[]string{"list"}, 0, "array-1000"},
		"no command":         {nil, 2, "bench:"},
		"an unknown command": {[]string{"race"}, 2, "bench:"},
		"an unknown one":     {[]string{"run", "single-65"}, 1, `there is no scenario "single-65"`},
		"not a result":       {[]string{"compare", "/dev/null", "/dev/null"}, 1, "read result"},
		"reads elsewhere":    {[]string{"reads", "--url", "http://localhost:1", "--data-dir", t.TempDir()}, 1, "a table of their own"},
		"a pair of nothing":  {[]string{"pair", "single-65", "a", "b"}, 1, `there is no scenario "single-65"`},
		"a pair on a table":  {[]string{"pair", "rows-uuid4", "a", "b"}, 1, "bench run measures it"},
		"a pair of starts":   {[]string{"pair", "replay", "a", "b"}, 1, "first moments after a start"},
		"one start":          {[]string{"pair", "single-64", "a", "b", "--starts=1"}, 2, "want at least 2"},
		"a start without":    {[]string{"pair", "single-64", "a", "b", "--pairs=5"}, 2, "want at least as many as --starts"},
		"no rounds":          {[]string{"run", "--rounds=0"}, 2, "--rounds 0: want at least 1"},
		"no window":          {[]string{"run", "--measure=0s"}, 2, "--measure 0s: want more than 0s"},
		"an empty table":     {[]string{"run", "rows-uuid4", "--rows=0"}, 2, "--rows 0: want at least 1"},
		"limits of nothing":  {[]string{"limits", "--rounds=0"}, 2, "--rounds 0: want at least 1"},
		"a pair of moments":  {[]string{"pair", "single-64", "a", "b", "--measure=-1s"}, 2, "--measure -1s: want more than 0s"},
		"no reads":           {[]string{"reads", "--count=0"}, 2, "--count 0: want at least 1"},
		"no topics":          {[]string{"streams", "--topics=0"}, 2, "--topics 0: want at least 1"},
		"no rate":            {[]string{"streams", "--rates=100,0"}, 2, "--rates [100 0]: want one or more, each at least 1"},
		"all stop":           {[]string{"streams", "--streams=5", "--stop=5"}, 2, "--stop 5: want fewer than --streams"},
		"a URL with a path":  {[]string{"run", "--url", "http://127.0.0.1:1/api", "--data-dir", t.TempDir()}, 1, "want http://host:port"},
		"no URL":             {[]string{"limits", "--database-url", "host=localhost user=ingot", "--data-dir", t.TempDir()}, 1, "--database-url: want a URL"},
		"a bad URL":          {[]string{"run", "--url", "localhost", "--data-dir", t.TempDir()}, 1, "want http://host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if code := run(t.Context(), c.args, output{&out, &out}); code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, out.String())
			}
		})
	}
}

// TestInterrupted: whoever starts the bench can tell that it was, by the exit code that the publisher has as well.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	args := []string{"limits", "--data-dir", t.TempDir(), "--database-url", "postgres://127.0.0.1:1/none"}
	if code := run(ctx, args, output{&out, &out}); code != exitInterrupted || !strings.Contains(out.String(), "bench: interrupted: ") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}

func TestReportAndCompareReadAResult(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("internal/report/testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"report", path}, output{&out, &out}); code != 0 || !strings.Contains(out.String(), "r.html") {
		t.Errorf("report: exit code %d:\n%s", code, out.String())
	}
	out.Reset()
	code := run(t.Context(), []string{"compare", path, path}, output{&out, &out})
	if code != exitBad || strings.Contains(out.String(), "WORSE") || !strings.Contains(out.String(), "dups-90") || !strings.Contains(out.String(), "broken has no figure in the new result") {
		t.Errorf("compare: exit code %d:\n%s", code, out.String())
	}
}

// TestPair: twice the events in the same processor time are half of it an event.
func TestPair(t *testing.T) {
	t.Parallel()
	slow := result.Measurement{Events: 1000, Seconds: 2, CPU: monitor.CPU{Ingester: 40 * time.Millisecond, Postgres: 20 * time.Millisecond}}
	quick := slow
	quick.Events = 2000
	even := start{{slow, slow}, {quick, quick}}
	p := pair{scenario: scenario.Scenario{Name: "s"}, starts: []start{even, even}}
	var out bytes.Buffer
	if err := p.table(output{&out, &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"s, 4 PAIRS, 2 STARTS", "1000.00  2000.00", "20.00", "10.00", "2.000  0.000", "0.500  0.000"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), "  "), strings.Join(strings.Fields(want), "  ")) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestThePairsOfAStartCountOnce: what a start has given to a process is in all of its pairs.
func TestThePairsOfAStartCountOnce(t *testing.T) {
	t.Parallel()
	slow, quick := result.Measurement{Events: 1000, Seconds: 1}, result.Measurement{Events: 2000, Seconds: 1}
	p := pair{starts: []start{
		{{slow, slow, slow}, {quick, quick, quick}},
		{{quick, quick, quick}, {slow, slow, slow}},
	}}
	var out bytes.Buffer
	if err := p.table(output{&out, &out}); err != nil || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "1500.00 1500.00 1.000 0.693") {
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
	for measure < 10*time.Second && strings.Contains(said, "want a longer --measure") { // a busy machine
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

// TestOrdersAreDrawn: no build has a fixed place in the turns.
func TestOrdersAreDrawn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10 {
		first, all := 0, orders(40)
		for _, o := range all {
			if o[0]+o[1] != 1 {
				t.Fatalf("%v runs one build twice", o)
			}
			first += o[0]
		}
		if first != 20 {
			t.Errorf("the second build goes first %d times of 40", first)
		}
		seen[fmt.Sprint(all)] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different orders in 10 draws", len(seen))
	}
}

// TestAResultTellsNoPassword: it is passed on, and its report with it.
func TestAResultTellsNoPassword(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://ingot:s3cret@localhost:5432/db":        "postgres://ingot:xxxxx@localhost:5432/db",
		"postgres://localhost:5432/db?password=s3cret&x=1": "postgres://localhost:5432/db?password=xxxxx&x=1",
		"host=localhost password=s3cret dbname=db":         "host=localhost password=xxxxx dbname=db",
		"http://127.0.0.1:8080":                            "http://127.0.0.1:8080",
	} {
		if got := command([]string{"run", "--database-url=" + url, "a"}); got != "bench run --database-url="+want+" a" {
			t.Error(got)
		}
	}
}

func TestAResumedRunIsTheSameCommand(t *testing.T) {
	t.Parallel()
	args := []string{"run", "--full", "--resume", "--rounds", "3"}
	if got := command(args); got != "bench run --full --rounds 3" || len(args) != 5 || args[2] != "--resume" {
		t.Errorf("%q, %q", got, args)
	}
}
