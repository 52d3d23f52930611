package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rivo/uniseg"

	"ingot/publisher/internal/client"
)

// roomy is how wide a terminal has to be so that time and id are shown as a whole and
// something of the payload still is.
const roomy = 140

// lineOf is an event in the form for people. What a client sent may hold sequences that a terminal obeys, so each
// control character becomes a blank. A width of 0 cuts nothing.
func lineOf(e client.Row, width int) []byte {
	at, id := e.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"), fmt.Sprintf("%-36s", e.ID)
	if 0 < width && width < roomy {
		at, id = e.Timestamp.UTC().Format("01-02 15:04:05"), fmt.Sprintf("%-9s", cut(e.ID, 9))
	}
	text := fmt.Sprintf("%s  %-20s  %-12s  %s  %s", at, e.Topic, e.Source, id, e.Payload)
	text = cut(strings.Map(printable, text), width)
	return append([]byte(text), '\n')
}

// cut shortens a text to width columns, the last of them an ellipsis. A character may take two,
// as those of Chinese do, or be made of several.
func cut(text string, width int) string {
	if width <= 0 {
		return text
	}
	fits, taken, state := 0, 0, -1 // the bytes that fit before an ellipsis
	for at := 0; at < len(text); {
		character, _, columns, next := uniseg.FirstGraphemeClusterInString(text[at:], state)
		if taken += columns; taken > width {
			return text[:fits] + "…"
		}
		at, state = at+len(character), next
		if taken < width {
			fits = at
		}
	}
	return text
}

// oneLine is the object as it came, in one line. Line breaks stand only between the tokens of a payload, where a
// blank means the same.
func oneLine(object []byte) []byte {
	line := append(bytes.Clone(object), '\n')
	for i, c := range line[:len(object)] {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	return line
}
