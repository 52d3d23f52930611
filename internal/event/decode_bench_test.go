package event_test

import (
	"fmt"
	"testing"

	"ingot/internal/event"
	"ingot/internal/workload"
)

// BenchmarkDecode decodes the workload's events, one and a hundred a body.
func BenchmarkDecode(b *testing.B) {
	g := workload.New(1)
	var hundred []event.Event
	for i := range 100 {
		hundred = append(hundred, g.Event(i))
	}
	for _, events := range [][]event.Event{hundred[:1], hundred} {
		body := string(workload.AppendJSON(nil, events[0]))
		if len(events) > 1 {
			body = string(workload.AppendArray(nil, events))
		}
		b.Run(fmt.Sprint(len(events)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d, err := event.Decode(body, event.JSON, event.DefaultLimits()); err != nil || len(d.Events) != len(events) {
					b.Fatal(len(d.Events), err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(len(events))/b.Elapsed().Seconds(), "events/s")
			b.SetBytes(int64(len(body)))
		})
	}
}
