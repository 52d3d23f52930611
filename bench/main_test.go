package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ingot/bench/internal/scenario"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestQuickSetIsQuick(t *testing.T) {
	t.Parallel()
	c := runCommand{Rows: scenario.BaseRows}
	quickSet := c.selectScenarios()
	if len(quickSet) < 4 || len(quickSet) > 6 {
		t.Errorf("%d scenarios", len(quickSet))
	}
	c.Full = true
	want := slices.DeleteFunc(scenario.All(), func(s scenario.Scenario) bool { return s.Set == scenario.Named })
	if all := c.selectScenarios(); len(all) != len(want) || len(all) <= len(quickSet) {
		t.Errorf("--full chooses %d of %d", len(all), len(want))
	}
	c.Scenarios = []string{"index-all-100"}
	if one := c.selectScenarios(); len(one) != 1 {
		t.Errorf("by its name %d scenarios", len(one))
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
		"an unknown one":     {[]string{"run", "single-64", "single-65"}, 2, `there is no scenario "single-65"`},
		"not a result":       {[]string{"compare", "/dev/null", "/dev/null"}, 1, "read result"},
		"reads elsewhere":    {[]string{"reads", "--url", "http://localhost:1"}, 2, "unknown flag --url"},
		"streams elsewhere":  {[]string{"streams", "--url", "http://localhost:1"}, 2, "unknown flag --url"},
		"limits of a server": {[]string{"limits", "--url", "http://localhost:1"}, 2, "unknown flag --url"},
		"of an ingester":     {[]string{"limits", "--ingest", "a"}, 2, "unknown flag --ingest"},
		"too many topics":    {[]string{"reads", "--topics=10001"}, 2, "--topics 10001: must be 1 to 10000"},
		"as it is, changed":  {[]string{"run", "--url", "http://localhost:1", "--flag=--batch-events=9"}, 2, "--url and --flag can't be used together"},
		"two ingesters":      {[]string{"run", "--url", "http://localhost:1", "--ingest", "a"}, 2, "--ingest and --url can't be used together"},
		"profile of a URL":   {[]string{"run", "--url", "http://localhost:1", "--profile"}, 2, "--url and --profile can't be used together"},
		"a pair of nothing":  {[]string{"pair", "single-65", "a", "b"}, 2, `there is no scenario "single-65"`},
		"a pair on a table":  {[]string{"pair", "rows-uuid4", "a", "b"}, 2, "use bench run to measure it"},
		"a pair of starts":   {[]string{"pair", "replay", "a", "b"}, 2, "first moments after a start"},
		"one start":          {[]string{"pair", "single-64", "a", "b", "--starts=1"}, 2, "must be at least 2"},
		"a start without":    {[]string{"pair", "single-64", "a", "b", "--pairs=5"}, 2, "must be at least as many as --starts"},
		"no rounds":          {[]string{"run", "--rounds=0"}, 2, "--rounds 0: must be at least 1"},
		"no window":          {[]string{"run", "--measure=0s"}, 2, "--measure 0s: must be more than 0s"},
		"an empty table":     {[]string{"run", "rows-uuid4", "--rows=0"}, 2, "--rows 0: must be at least 1"},
		"limits of nothing":  {[]string{"limits", "--rounds=0"}, 2, "--rounds 0: must be at least 1"},
		"a pair of moments":  {[]string{"pair", "single-64", "a", "b", "--measure=-1s"}, 2, "--measure -1s: must be more than 0s"},
		"no reads":           {[]string{"reads", "--count=0"}, 2, "--count 0: must be at least 1"},
		"no topics":          {[]string{"streams", "--topics=0"}, 2, "--topics 0: must be at least 1"},
		"no rate":            {[]string{"streams", "--rates=100,0"}, 2, "--rates [100 0]: must be one or more, each at least 1"},
		"all stop":           {[]string{"streams", "--streams=5", "--stop=5"}, 2, "--stop 5: must be fewer than --streams"},
		"a URL with a path":  {[]string{"run", "--url", "http://127.0.0.1:1/api"}, 2, "must be http://host:port"},
		"no URL":             {[]string{"limits", "--database-url", "host=localhost user=ingot"}, 2, "--database-url must be a URL"},
		"a bad URL":          {[]string{"run", "--url", "localhost"}, 2, "must be http://host:port"},
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
