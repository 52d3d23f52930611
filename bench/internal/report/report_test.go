package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"ingot/bench/internal/result"
)

var update = flag.Bool("update", false, "write the golden report anew")

func golden(t *testing.T) []byte {
	t.Helper()
	r, err := result.Read("testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := render(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReportOfAGoldenResult(t *testing.T) {
	t.Parallel()
	got := golden(t)
	const path = "testdata/report.html"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the report has changed: look at it, then run with -update")
	}
}

func TestReportNeedsNoOtherHost(t *testing.T) {
	t.Parallel()
	if found := regexp.MustCompile(`(?i)<script|<link|<img|@import|url\(|https?:|src=|href=`).Find(golden(t)); found != nil {
		t.Errorf("the report holds %q", found)
	}
}

// TestDrawingsAreWellFormed: one coordinate that is NaN blanks a chart.
func TestDrawingsAreWellFormed(t *testing.T) {
	t.Parallel()
	drawings := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAll(golden(t), -1)
	if len(drawings) < 10 {
		t.Fatalf("%d drawings", len(drawings))
	}
	for _, svg := range drawings {
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%.200s", svg)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %.200s", err, svg)
			}
		}
	}
}

func TestAResultWithNothingInIt(t *testing.T) {
	t.Parallel()
	r := &result.Result{Scenarios: []result.Scenario{
		{Name: "a", Skipped: "the ingester has no flag --x"},
		{Name: "b", Error: "it <broke>"},
		{Name: "c", Rounds: make([]result.Round, 1)},
		{Name: "d", Rounds: []result.Round{{Measurement: result.Measurement{Failures: map[string]int{"no answer: EOF": 3}}}}},
	}}
	b, err := render(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"left out: the ingester has no flag --x", "it &lt;broke&gt;", "not enough samples", "0 events were not settled; 3 times: no answer: EOF"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is not in it", want)
		}
	}
}

// TestAReportOfNothingSaysSo: what was not measured has not held either.
func TestAReportOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	b, err := render(&result.Result{Scenarios: []result.Scenario{{Name: "a", Skipped: "the ingester has no flag --x"}}})
	if err != nil || !strings.Contains(string(b), "Nothing was measured.") || strings.Contains(string(b), "agreed with the answers") {
		t.Errorf("%v\n%s", err, b)
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for most, want := range map[float64]string{0: "0 0.2 0.4 0.6 0.8 1", 0.47: "0 0.1 0.2 0.3 0.4 0.5", 18_000: "0 5000 10k 15k 20k"} {
		n := 5
		if most > 1 {
			n = 4
		}
		var got []string
		for _, tick := range linearTicks(most, n) {
			got = append(got, tick.label)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("up to %v: %v", most, got)
		}
	}
}
