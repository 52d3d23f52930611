package tally

import "fmt"

// Report is the outcome of a run. The JSON names are an interface: scripts read them.
type Report struct {
	SendsPlanned int `json:"sends_planned"` // repeats included
	SendsDone    int `json:"sends_done"`    // the sum of the five counts below
	Stored       int `json:"stored"`
	Duplicates   int `json:"duplicates"`
	Invalid      int `json:"invalid"`
	Unknown      int `json:"unknown"` // given up with the outcome open
	Failed       int `json:"failed"`  // given up or refused, certainly not stored by this run

	UniqueEvents int `json:"unique_events"` // different events among the sends done, as far as they are remembered
	AckedEvents  int `json:"acked_events"`  // of these, answered stored or duplicate
	Forgotten    int `json:"-"`             // sends done of events that are not remembered

	Requests int            `json:"requests"`
	Attempts int            `json:"attempts"` // events over all requests, retries included
	Retries  map[string]int `json:"retries"`  // requests made again, by cause
	// AfterOpen counts the duplicates of batches that had an attempt with an open
	// outcome: these events may have been stored by that attempt.
	AfterOpen int `json:"duplicates_after_open"`

	ElapsedSecs     float64 `json:"elapsed_seconds"`
	EventsPerSecond float64 `json:"events_per_second"` // acknowledged: stored and duplicates
	LatencyP50Ms    float64 `json:"latency_p50_ms"`    // of answered requests
	LatencyP99Ms    float64 `json:"latency_p99_ms"`

	Notes    []string          `json:"notes"`    // what a reader might wonder about
	Problems map[string]string `json:"problems"` // the first refusal of each cause
}

// Settled reports whether every send that was done was acknowledged.
func (r Report) Settled() bool { return r.Invalid+r.Unknown+r.Failed == 0 }

// notes explains a Stored that is less than a reader expects: one for each acknowledged event.
func (r Report) notes(again string) []string {
	missing := r.AckedEvents - r.Stored
	switch {
	case missing <= 0, r.Forgotten > 0: // what was forgotten may be what is missing
		return []string{}
	case r.AfterOpen+r.Unknown > 0:
		said := []string{fmt.Sprintf("stored is %d lower than the acknowledged events: %d sends were answered duplicate on a retry, after an attempt that may have stored them without an answer", missing, r.AfterOpen)}
		if before := missing - r.AfterOpen - r.Unknown; before > 0 { // more than such attempts can have stored
			said = append(said, fmt.Sprintf("at least %d of them were already there: %s", before, again))
		}
		return said
	case r.Duplicates == r.SendsDone:
		return []string{fmt.Sprintf("all %d events were already there: %s", r.UniqueEvents, again)}
	}
	return []string{fmt.Sprintf("%d events were already there: %s", missing, again)}
}
