package traffic

import (
	"bytes"
	"reflect"
	"testing"

	"go.uber.org/goleak"

	"ingot/internal/event"
	"ingot/torture/internal/oracle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPlan: a seed is a plan, and what plans have in common.
func TestPlan(t *testing.T) {
	t.Parallel()
	const n = 10_000
	plan := Plan(1, n)
	if !reflect.DeepEqual(plan, Plan(1, n)) {
		t.Error("the same seed makes two plans")
	}
	if reflect.DeepEqual(plan, Plan(2, n)) {
		t.Error("two seeds make the same plan")
	}
	singles, events, copies, bad := 0, 0, 0, 0
	keys := map[oracle.Key]bool{}
	for _, r := range plan {
		events += len(r.Events)
		if r.Form == Single {
			singles++
		}
		own := map[oracle.Key]bool{}
		for _, e := range r.Events {
			if own[e.Key] {
				copies++
			}
			own[e.Key], keys[e.Key] = true, true
			if e.Bad != Good {
				bad++
			}
		}
	}
	t.Logf("%d events, %d keys, %d copies in a request, %d bad, %d single", events, len(keys), copies, bad, singles)
	if singles < n/2 || events < 5*n {
		t.Error("fewer than half are single events, or fewer than five a request")
	}
	if len(keys) > events*8/10 || copies < events/50 || bad == 0 {
		t.Error("too few keys are repeated, or no event is bad")
	}
}

// TestSendings: what is sent decodes to the events that were written down, whatever
// the form, and no two attempts have the same bytes. What is bad is refused.
func TestSendings(t *testing.T) {
	t.Parallel()
	prints := map[uint64]bool{}
	for n, r := range Plan(3, 3000) {
		if r.Spoil != Unspoilt {
			continue
		}
		r.Gzip = false
		for try := range 2 {
			s := r.Sending(10_000_000*try+1000*n, "client-1")
			_, body, _ := bytes.Cut(s.Bytes, []byte("\r\n\r\n"))
			format := event.JSON
			if r.Form == NDJSON {
				format = event.NDJSON
			}
			got, err := event.Decode(string(body), format, event.DefaultLimits())
			if err != nil || got.Total != len(r.Events) || len(got.Invalid) != r.bad() {
				t.Fatalf("request %d: %v, %d events and %d invalid of %d and %d\n%s", n, err, got.Total, len(got.Invalid), len(r.Events), r.bad(), body)
			}
			for k := range got.Events {
				e := got.Events[k]
				want := s.Events[got.Position(k)]
				if print := Print(e.Source, e.Timestamp, []byte(e.Payload)); print != want.Print || e.ID != want.Key.ID || e.Topic != want.Key.Topic {
					t.Fatalf("request %d, event %d: %+v is not what was written down", n, k, e)
				}
			}
			for _, e := range s.Events {
				if prints[e.Print] {
					t.Fatalf("request %d: two attempts with the same bytes", n)
				}
				prints[e.Print] = true
			}
		}
	}
}
