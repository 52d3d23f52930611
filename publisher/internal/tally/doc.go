// Package tally counts what became of a run: per send, per event, per request.
//
//	client.Result ──> Tally.Add ──> Report     the numbers, with stable JSON names (report.go)
//	                     │  tally.go
//	                     ├── ledger.go   per unique event: sent? acknowledged?
//	                     └── latency.go  a histogram, of requests; follow has its own
//
// The clients share one Tally, and the audit reads the ledger from it afterwards. It always holds
// that sends done = stored + duplicates + invalid + unknown + failed.
package tally
