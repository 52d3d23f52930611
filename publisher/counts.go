package main

import (
	"fmt"

	"ingot/publisher/internal/record"
)

// maxNamed is how many lines are named in the report; all are counted.
const maxNamed = 10

// lineCounts adds up: Lines = Blank + Refused + Whole + Split. An element of an array counts as a line.
type lineCounts struct {
	Lines   int `json:"lines"`
	Blank   int `json:"blank"`   // skipped
	Refused int `json:"refused"` // no event could be made of them; they are named
	Whole   int `json:"whole"`   // one event each
	Split   int `json:"split"`   // too long for one payload: several events each
	Pieces  int `json:"pieces"`  // the events of split lines
	Base64  int `json:"base64"`  // events with message_base64
	Pending int `json:"pending"` // bytes behind the last line feed, not sent: the line may go on
}

// event counts an event that was handed on: a whole line, or a piece of one.
func (c *lineCounts) event(r record.Record) {
	if r.Part <= 1 {
		c.Lines++
	}
	switch r.Part {
	case 0:
		c.Whole++
	case 1:
		c.Split++
		c.Pieces++
	default:
		c.Pieces++
	}
	if r.Base64 {
		c.Base64++
	}
}

// refuse counts a line of which no event could be made, and names it.
func (in *intake) refuse(f *file, line int64, err error) {
	in.count(func(c *lineCounts) { c.Lines++; c.Refused++ })
	in.name(fmt.Sprintf("%s: refused: %v", f.where(line), err))
}

// name keeps what the report says of a line, up to maxNamed of them, and tells it at once where the report is far away.
func (in *intake) name(text string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.named) == maxNamed {
		return
	}
	in.named = append(in.named, text)
	in.tell(text)
	if len(in.named) == maxNamed {
		in.tell("further lines are only counted")
	}
}

// tell says at once what the report will say, with --follow.
func (in *intake) tell(text string) {
	if in.say != nil {
		in.say("%s", text)
	}
}

func (in *intake) count(add func(*lineCounts)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	add(&in.counts)
}
