package result

import (
	"time"

	"ingot/bench/internal/load"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/truth"
)

// Version of the document. A reader refuses any other.
const Version = 1

// Result is one run of the bench.
type Result struct {
	Version   int        `json:"version"`
	Started   time.Time  `json:"started"`
	Commit    string     `json:"commit"`
	Command   string     `json:"command"`
	Machine   Machine    `json:"machine"`
	Ingester  string     `json:"ingester"` // SHA-256 of the binary: what was measured
	Scenarios []Scenario `json:"scenarios"`
}

// Machine is where the bench ran.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Memory    int64  `json:"memory"` // bytes
	System    string `json:"system"`
	Go        string `json:"go"`
	Postgres  string `json:"postgres"` // version and the settings that count
}

// Scenario is what was measured of one scenario.
type Scenario struct {
	Name    string  `json:"name"`
	About   string  `json:"about"`
	Open    bool    `json:"open,omitempty"` // open loop: latency is the figure
	Ratios  []Ratio `json:"ratios,omitempty"`
	Rounds  []Round `json:"rounds,omitempty"`
	Skipped string  `json:"skipped,omitempty"` // why it was left out
	Error   string  `json:"error,omitempty"`   // what broke it
}

// Round is a measurement between two of each of its limits.
type Round struct {
	Measurement `json:"run"`
	Limits      map[string][2]float64 `json:"limits,omitempty"` // a second, before and after
}

// Measurement is what a load came to. Figures are of its window; counts and truth are of the whole load.
type Measurement struct {
	Asked     float64          `json:"asked,omitempty"`    // requests a second, open loop
	Requests  float64          `json:"requests"`           // answered, a second
	Events    float64          `json:"events"`             // settled, a second
	Pages     float64          `json:"pages,omitempty"`    // read beside, a second
	Seconds   float64          `json:"seconds"`            // the window
	CPU       monitor.CPU      `json:"cpu"`                // in the window
	Memory    int64            `json:"memory,omitempty"`   // peak of the ingester, bytes
	Mallocs   float64          `json:"mallocs,omitempty"`  // an event, where the ingester tells
	Batch     float64          `json:"batch,omitempty"`    // mean events a batch
	Counts    load.Counts      `json:"counts"`             // of the whole load
	Failures  map[string]int   `json:"failures,omitempty"` // what went wrong, and how often
	Latency   Latency          `json:"latency"`            // of requests whose events are settled
	Steps     []Step           `json:"steps,omitempty"`    // of a rising rate, up to the knee
	Samples   []monitor.Sample `json:"samples,omitempty"`
	Truth     truth.Verdict    `json:"truth"`
	Unchecked string           `json:"unchecked,omitempty"` // why there is no truth
	Profile   string           `json:"profile,omitempty"`   // file of the CPU profile, if one was taken
}

// Step is one rate on the way to the knee.
type Step struct {
	Asked    float64 `json:"asked"` // requests a second
	Achieved float64 `json:"achieved"`
	P50      int64   `json:"p50"` // microseconds
	P99      int64   `json:"p99"`
	Client   float64 `json:"client"` // cores that the client took: it may be the first that cannot keep up
}

// Latency is a distribution, in microseconds.
type Latency struct {
	P50   int64   `json:"p50"`
	P99   int64   `json:"p99"`
	P999  int64   `json:"p999"`
	Max   int64   `json:"max"`
	Curve []Point `json:"curve,omitempty"`
}

// Point says that a share of the requests took at most so long.
type Point struct {
	Share  float64 `json:"share"`
	Micros int64   `json:"micros"`
}

// Find returns the scenario of a name, or nil.
func (r *Result) Find(name string) *Scenario {
	for i := range r.Scenarios {
		if r.Scenarios[i].Name == name {
			return &r.Scenarios[i]
		}
	}
	return nil
}
