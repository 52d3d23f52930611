// Package content reads what a file to be replayed holds, whatever its name says.
//
//	io.Reader ──> Reader    decompresses gzip and zstandard, refuses other packings and encodings (format.go)
//	                 │
//	                 ▼      ahead.go recognises arrays of events, and events over several lines
//	              Elements ──> lines.Line, one for each element
//
// (reader.go, format.go, ahead.go, elements.go)
//
// What else a Reader holds is for lines.NewReader. A Reader reads nothing before it has to, and waits for no byte that cannot
// decide: a source may be a pipe that is silent for long. Nothing here starts a goroutine.
package content
