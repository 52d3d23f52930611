package main

import (
	"bufio"

	"ingot/publisher/internal/lines"
	"ingot/publisher/internal/record"
)

// beginsList tells whether what a source begins with is an array of events, {"events":[..]}, or an event over several lines,
// as exports are and what jq prints: all that POST /publish takes as JSON. sure says that there are events, whatever they
// look like. Otherwise the first has to be one, or there is none: lines of text begin with a bracket, too. As long as that
// can be, beginsList waits for more.
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
