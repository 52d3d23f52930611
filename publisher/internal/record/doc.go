// Package record makes events out of lines, for the replayer.
//
//	lines.Line ──> Origin.Text    any text: one event per line, or one per piece
//	          └──> Origin.Event   an event already: sent as it is, except for a received_at
//	                  │
//	                  ▼
//	               Record: the bytes to send, the key, and a digest of what must
//	                       come back
//
// The same line of the same file and source makes the same event on every run, apart from its
// timestamp: that makes it safe to replay a file again. Nothing of a line is lost:
// message is its bytes, and what JSON cannot carry (bytes that are not UTF-8, NUL) becomes
// message_base64.
//
// Everything here is a pure function; a Record owns its bytes.
package record
