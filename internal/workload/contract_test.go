package workload

import (
	"testing"

	"ingot/internal/event"
)

// TestTheServerTakesEveryEvent has the server's own decoder read what would be
// sent: nothing is invalid, and nothing changes on the way.
func TestTheServerTakesEveryEvent(t *testing.T) {
	t.Parallel()
	g := New(1)
	var sent []event.Event
	for i := range 5000 {
		sent = append(sent, g.Event(i))
	}
	got, err := event.Decode(string(AppendArray(nil, sent)), event.JSON, event.DefaultLimits())
	if err != nil || len(got.Invalid) != 0 || len(got.Events) != len(sent) {
		t.Fatalf("%d of %d events, %d invalid (%v)", len(got.Events), len(sent), len(got.Invalid), err)
	}
	for i, e := range got.Events {
		if e != sent[i] {
			t.Fatalf("event %d is %+v, sent was %+v", i, e, sent[i])
		}
	}
	one, err := event.Decode(string(AppendJSON(nil, sent[0])), event.JSON, event.DefaultLimits())
	if err != nil || !one.Single || len(one.Events) != 1 {
		t.Errorf("one event is read as %+v (%v)", one, err)
	}
}
