package result

import (
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/reads"
	"ingot/bench/internal/streams"
)

// Reads is the result of bench reads: what was read, and what was written meanwhile (Beside).
type Reads struct {
	Result
	Rows   int            `json:"rows"` // when the reads began
	Topics int            `json:"topics"`
	Top    float64        `json:"top"` // events/s, closed loop
	Beside Measurement    `json:"beside"`
	Kinds  []reads.Figure `json:"reads"`
}

// Streams is the result of bench streams.
type Streams struct {
	Result
	Runs []StreamsRun `json:"runs"`
}

// StreamsRun is one rate.
type StreamsRun struct {
	streams.Outcome
	Seconds float64     `json:"seconds"` // until the last event was received
	CPU     monitor.CPU `json:"cpu"`
	Memory  int64       `json:"memory"` // peak of the ingester since its start, bytes
}
