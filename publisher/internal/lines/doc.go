// Package lines cuts files into lines, for the replayer: a stream, a file, or a file that still
// grows, is truncated, or is replaced by a new one.
//
//	io.Reader ──> Reader.Next ──> Line      at most one window in memory
//	    ▲
//	    └── Tail      a file that grows: waits where a file would end;
//	                  made of generations, the files that have had its name
//
// (reader.go, tail.go, generation.go)
//
// A line is what stands between two line feeds, every byte of it: a carriage return belongs to the
// line, before a line feed as anywhere else. So the lines joined by line feeds are the file again.
// A line longer than the window comes in pieces.
//
// Nothing here starts a goroutine. A Tail waits in Read until its context ends; another goroutine
// may run its Watch.
package lines
