package httpapi

import (
	"fmt"
	"slices"
	"testing"

	"ingot/internal/event"
)

// TestRoomForResults is made for what the answer lists, and for nothing else: an answer may be ten times as large as its
// body, and the byte budget has as much for it as is listed.
func TestRoomForResults(t *testing.T) {
	t.Parallel()
	var d event.Decoded
	for i := range 1000 {
		d.Events = append(d.Events, event.Event{ID: fmt.Sprintf("event-%030d", i), Topic: "t"})
	}
	d.Total = len(d.Events)
	duplicates, stored := make([]bool, d.Total), slices.Repeat([]bool{true}, d.Total)
	half := slices.Concat(stored[:d.Total/2], duplicates[:d.Total/2])
	for name, c := range map[string]struct {
		stored []bool
		show   resultsShown
	}{
		"none of the duplicates": {duplicates, showNone},
		"the duplicates":         {duplicates, showNotStored},
		"the duplicates of half": {half, showNotStored},
		"none, for all stored":   {stored, showNotStored},
		"all":                    {half, showAll},
	} {
		answer := appendResults(nil, &d, c.stored, c.show)
		if room := cap(answer); room > len(answer)*3/2+512 {
			t.Errorf("%s: room for %d bytes, the answer has %d", name, room, len(answer))
		}
	}
}
