package result

import (
	"bytes"
	"strings"
	"testing"
)

// TestWhatWentWrongIsShown: a figure of the requests that went well does not tell of the others.
func TestWhatWentWrongIsShown(t *testing.T) {
	t.Parallel()
	r := measured(100, 0.5, 0.5)
	for i := range r.Scenarios[0].Rounds {
		r.Scenarios[0].Rounds[i].Counts.Failed = 4
		r.Scenarios[0].Rounds[i].Failures = map[string]int{"no answer: EOF": 3, "status 500": 1}
	}
	var out bytes.Buffer
	r.Table(&out)
	if want := "array-1000: 8 events were not settled; 6 times: no answer: EOF\n"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}
