package main

import (
	"bufio"

	"ingot/publisher/internal/lines"
	"ingot/publisher/internal/record"
)

// beginsList tells whether a source begins with an array of events, with {"events":[..]}, or with an event over several lines,
// as exports do and what jq prints: with anything that POST /publish takes as JSON. sure says that the source holds events,
// whatever they look like. Otherwise the first element has to be an event, or the array has to be empty, since lines of text
// may begin with a bracket, too. beginsList waits for more bytes as long as they could decide.
func beginsList(src *bufio.Reader, sure bool) bool {
	head := lines.Ahead{Src: src}
	wrapped := false
	switch head.Token() {
	case '[':
		head.At++
	case '{':
		object, spread := head, head
		head.At++
		if wrapped = head.Wrapper(); !wrapped {
			return spread.Spread() && (sure || record.Begins(&object))
		}
	default:
		return false
	}
	if !sure && head.Token() == ']' { // an export of nothing
		head.At++
		return wrapped || head.Token() == 0
	}
	return sure || head.Token() == '{' && record.Begins(&head)
}
