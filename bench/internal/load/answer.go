package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// answer is what a 200 says of the events of a request.
type answer struct{ stored, duplicates int }

// parseAnswer reads the start of a body: `{"status":"stored"` of one event, or
// `{"received":3,"stored":1,"duplicates":2,"invalid":0,` of several. The list of
// duplicates behind it is not read; the counts must add up to what was sent.
func parseAnswer(body []byte, sent int) (answer, error) {
	if rest, ok := bytes.CutPrefix(body, []byte(`{"status":"`)); ok && sent == 1 {
		switch {
		case bytes.HasPrefix(rest, []byte(`stored"`)):
			return answer{stored: 1}, nil
		case bytes.HasPrefix(rest, []byte(`duplicate"`)):
			return answer{duplicates: 1}, nil
		}
	}
	var received, invalid int
	var a answer
	rest := body
	for _, count := range []struct {
		before string
		into   *int
	}{{`{"received":`, &received}, {`,"stored":`, &a.stored}, {`,"duplicates":`, &a.duplicates}, {`,"invalid":`, &invalid}} {
		var ok bool
		if rest, ok = cutCount(rest, count.before, count.into); !ok {
			return answer{}, fmt.Errorf("an answer that bench does not understand: %.80q", body)
		}
	}
	if received != sent || a.stored+a.duplicates != sent || invalid != 0 {
		return a, fmt.Errorf("an answer that does not add up to the %d events sent: %.80q", sent, body)
	}
	return a, nil
}

func cutCount(b []byte, before string, into *int) ([]byte, bool) {
	b, ok := bytes.CutPrefix(b, []byte(before))
	if !ok {
		return b, false
	}
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	var err error
	*into, err = strconv.Atoi(string(b[:n]))
	return b[n:], err == nil
}
