// Package truth compares what the clients of a round were told with what the database holds. A
// fast ingester that loses a row is not fast. (acks.go, check.go)
//
//	Acks    every settled event, noted by the clients as they go
//	  │
//	  ▼
//	Check   rows = answers that said stored
//	        every settled event is there, and no key is there twice
//
// Only the rows that the round itself added are counted, so that a check also works on a table
// that was full before.
package truth
