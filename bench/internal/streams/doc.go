// Package streams measures how long an event takes from its publisher to those who
// follow, with many streams open and some that stop reading. `bench streams` calls it.
//
//	run.go      a run: opens the streams, publishes at a fixed rate, waits for the last
//	publish.go  one connection, arrays; event n says its number and when it was sent
//	stream.go   a stream: wants each number of its topic, one after the other
//	stopped.go  a stream that reads nothing until the end: it must have been cut off,
//	            and come again to everything from where it was
//
// The time of an event is from before its request is written until its line is read,
// so a commit is in it. Topics take turns, and one request follows the other: the
// order of the feed is that of the numbers, and what each stream must see is known
// beforehand.
//
// Run owns all goroutines and connections, and ends them.
package streams
