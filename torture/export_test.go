package torture

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExportIsTakenBack: the lines that one server exports are what another one makes
// of them, byte for byte and in the same order; taken back by the first they are all
// duplicates.
func TestExportIsTakenBack(t *testing.T) {
	from, to := startIngester(t, "--data-dir="+dataFolder(t)), startIngester(t, "--data-dir="+dataFolder(t))
	for n := range 100 {
		if a := from.publishBytes(events(n, 50, n)); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	odd := `[{"event_id":"ä \"1\"","topic":"a/b","source":"\\","timestamp":"1970-01-01T00:00:00.000001Z","payload":{"n":1.50,"n":-0,"s":"\/\u00e9"}}]`
	if a := from.publishBytes([]byte(odd)); a.status != http.StatusOK {
		t.Fatal(a)
	}
	first := exported(t, from)
	if n := strings.Count(first, "\n"); n != 5001 {
		t.Fatalf("%d lines", n)
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, i := range []*ingester{to, from} {
		p := launch(t, binary(t, "publisher"), "replay", file, "--url", i.url(""))
		if code := p.wait(); code != 0 {
			t.Errorf("publisher replay: exit code %d\n%s%s", code, p.said(p.stdout), p.said(p.stderr))
		}
		if second := exported(t, i); sortedLines(second) != sortedLines(first) || i == from && second != first {
			t.Errorf("%d bytes were exported, %d came back", len(first), len(second))
		}
		if s, err := i.stats(); err != nil || s.Unique != 5001 {
			t.Errorf("%+v %v", s, err)
		}
		i.stop(t)
	}
}

func exported(t *testing.T, i *ingester) string {
	t.Helper()
	request, _ := http.NewRequestWithContext(t.Context(), "GET", i.url("/events"), nil)
	request.Header.Set("Accept", "application/x-ndjson")
	answer, err := i.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", answer.Status, err)
	}
	return string(text)
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
