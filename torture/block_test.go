package torture

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// streamBlock is one of a stream: an event, or without data a place to resume from.
type streamBlock struct{ id, data string }

// eventID is the id of its event, "" if it has none.
func (b streamBlock) eventID() (id string, err error) {
	if b.data == "" {
		return "", nil
	}
	var e struct {
		ID string `json:"event_id"`
	}
	err = json.Unmarshal([]byte(b.data), &e)
	return e.ID, err
}

// readBlock reads the next one. One that is broken off is none. The end of the stream,
// which may be told by a comment, is io.EOF.
func readBlock(lines *bufio.Reader) (b streamBlock, err error) {
	var data []string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return streamBlock{}, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case name == "event": // the only one there is: the place is gone
			text, _ := lines.ReadString('\n')
			return streamBlock{}, &goneError{text}
		case name == "id":
			b.id = value
		case name == "data":
			data = append(data, value)
		case line == "" && b.id == "":
			return streamBlock{}, io.EOF
		case line == "":
			b.data = strings.Join(data, "\n")
			return b, nil
		}
	}
}

// goneError is a stream that says: the place is not in the log any more.
type goneError struct{ told string }

func (e *goneError) Error() string { return fmt.Sprintf("the place is gone: %s", e.told) }
