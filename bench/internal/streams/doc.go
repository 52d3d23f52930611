// Package streams measures how long an event takes from its publisher to its followers, with many
// streams open and some that stop reading. `bench streams` calls it.
//
//	run.go      a run: opens the streams, publishes at a fixed rate, waits for the last event
//	publish.go  one connection, arrays; event n says its number and when it was sent
//	stream.go   a stream: expects each number of its topic, one after the other
//	stopped.go  a stream that reads nothing until the end: it must have been cut off,
//	            and must still get everything from its place on when it comes back
//
// An event is timed from before its request is written until its line is read, so its commit is
// included. Topics take turns, and one request follows the other: the feed has the order of the
// numbers, and what each stream must see is known beforehand.
//
// Run owns all goroutines and connections, and ends them.
package streams
