package mix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"ingot/internal/event"
	"ingot/internal/workload"
)

// templateBytes bounds the templates of a mix together: with large payloads there
// are fewer of them, so that they still fit a cache as the small ones do.
const templateBytes = 4 << 20

// maxTemplates is enough for every topic and many lengths; a guess.
const maxTemplates = 1024

// events are the templates before they are encoded.
func (m Mix) events() ([]event.Event, error) {
	if m.File != "" {
		return fileEvents(m.File)
	}
	n := max(16, min(maxTemplates, templateBytes/max(1, m.Payload)))
	generator := workload.New(1)
	events := make([]event.Event, n)
	for j := range events {
		events[j] = generator.Event(j)
		if m.Payload > 0 {
			events[j].Payload = sized(events[j].Payload, m.Payload, j)
		}
	}
	return events, nil
}

// sized cuts or pads a payload to n bytes: an object with the text of the original
// and then noise, which no compression of Postgres or of a disk can fold away.
func sized(payload string, n, j int) string {
	const head, tail = `{"note":"`, `"}`
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, payload)
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < n-len(tail); i++ {
		if i > 0 {
			text = fmt.Sprintf(" %016x", workload.Spread(uint64(j)<<32|uint64(i)))
		}
		b.WriteString(text[:min(len(text), n-len(tail)-b.Len())])
	}
	return b.String() + tail
}

// fileEvents takes a file of one JSON value a line. A line that is an event lends
// its topic, source and payload; any other value becomes the payload of an
// invented event.
func fileEvents(path string) ([]event.Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("payloads: %w", err)
	}
	defer f.Close()
	generator := workload.New(1)
	var events []event.Event
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() && len(events) < maxTemplates {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		e, err := lineEvent(generator.Event(len(events)), line)
		if err != nil {
			return nil, fmt.Errorf("payloads: %s: event %d: %w", path, len(events)+1, err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("payloads: read %s: %w", path, err)
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("payloads: %s is empty", path)
	}
	return events, nil
}

func lineEvent(e event.Event, line []byte) (event.Event, error) {
	if !json.Valid(line) {
		return e, errors.New("not a JSON value")
	}
	var given struct {
		Topic, Source string
		Payload       json.RawMessage
	}
	e.Payload = string(line)
	if json.Unmarshal(line, &given) == nil && given.Topic != "" && given.Source != "" && given.Payload != nil {
		e.Topic, e.Source, e.Payload = given.Topic, given.Source, string(given.Payload)
	}
	return e, nil
}
