// Command publisher sends events to an Ingot server and checks what became of
// them.
//
//	simulate.go   invented events            replay.go    files
//	   │            (internal/workload)         │  file.go    opens them, names their topics
//	   │                                        │  intake.go  lines ──> events, every line counted
//	   │                                        │  batches.go by number, bytes and time
//	   │                                        │  memory.go  digests of what must come back
//	   ▼                                        ▼
//	send.go       deal ──> senders ──> client.Publish ──> tally
//	   │           one       many
//	   ▼
//	audit         every acknowledged event, read back and compared
//	   │
//	   ▼
//	report.go replay_report.go   the outcome, as a table or as JSON, on stdout
//
// Progress goes to stderr (meter.go). The exit code is 0 when all is well, 1 when
// an event was not acknowledged or the audit found something, 2 for a wrong
// command line and 130 after an interrupt; a second interrupt ends at once. An
// interrupt is how replay --follow ends: what it read is settled and audited first.
package main
