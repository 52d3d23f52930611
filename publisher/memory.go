package main

import (
	"sync"

	"ingot/publisher/internal/client"
	"ingot/publisher/internal/record"
)

// key identifies an event.
type key struct{ id, topic string }

// remembered is what is kept of an event that was read, for the audit.
type remembered struct {
	key
	sum   record.Sum
	exact bool
	line  int64
	file  *file
}

// memory holds the events that the audit must find, up to a limit: a stream has no end. The audit looks at it once the readers
// have ended.
type memory struct {
	limit int // 0: nothing is audited

	mu     sync.Mutex // guards what follows, between readers
	events []remembered
	index  map[key]int
}

// add returns the index of an event, and -1 over the limit. An event whose key was read before has the index of the
// first one. If the first one has another content, add returns it as other, and the new event must not be sent: which
// of the two is stored would be chance.
func (m *memory) add(file *file, r record.Record) (i int, other *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{r.Event.ID, r.Event.Topic}
	if i, known := m.index[k]; known {
		if was := &m.events[i]; was.sum != r.Sum {
			return i, was
		}
		return i, nil
	}
	if len(m.events) >= m.limit {
		return -1, nil
	}
	m.index[k] = len(m.events)
	m.events = append(m.events, remembered{key: k, sum: r.Sum, exact: r.Exact, line: r.Line, file: file})
	return len(m.events) - 1, nil
}

// Key implements audit.Events.
func (m *memory) Key(i int) (id, topic string) {
	return m.events[i].id, m.events[i].topic
}

// Diff implements audit.Events.
func (m *memory) Diff(i int, row client.Row) string {
	was := m.events[i]
	if record.SumOf(was.exact, row.Source, row.Timestamp, string(row.Payload)) == was.sum {
		return ""
	}
	return was.file.where(was.line) + ": the table has different content under its key"
}
