package pgproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	headSize = 5 // type and length

	// lookAt is how many bytes of a message are looked at. The longest text that an ingester sends, but for data, is
	// that of the session's setup, 2 KB.
	lookAt = 16 << 10
)

// message is one of a client's.
type message struct {
	kind   byte // 'Q' Query, 'B' Bind, 'd' CopyData; 0 is the startup message
	sql    string
	size   int // of the whole message, bytes
	points []Point
}

// at tells whether the message is at that point.
func (m message) at(p Point) bool { return slices.Contains(m.points, p) }

// peek looks at the head of the next message: its type, and its size with the head.
func peek(in *bufio.Reader) (kind byte, size int, err error) {
	head, err := in.Peek(headSize)
	if err != nil {
		return 0, 0, err
	}
	kind, size = head[0], 1+int(int32(binary.BigEndian.Uint32(head[1:])))
	if size < headSize {
		return 0, 0, fmt.Errorf("a message of %d bytes", size)
	}
	return kind, size, nil
}

// statements are those that a connection has prepared, by name.
type statements map[string]message

// recognise looks at the next message of a client. asks is true if the server answers the message with ReadyForQuery.
func (s statements) recognise(in *bufio.Reader) (m message, asks bool, err error) {
	kind, size, err := peek(in)
	if err != nil {
		return message{}, false, err
	}
	m = message{kind: kind, size: size}
	switch kind {
	case 'd':
		m.points = []Point{Rows}
		return m, false, nil
	case 'Q', 'P', 'B', 'C':
	default:
		return m, kind == 'S' || kind == 'F', nil
	}
	head, err := in.Peek(min(size, lookAt))
	if err != nil {
		return message{}, false, err
	}
	s.read(&m, head[headSize:])
	return m, kind == 'Q', nil
}

// read fills in what the body of a message tells, and notes the statements that the connection prepares.
func (s statements) read(m *message, body []byte) {
	switch first, rest := text(body); m.kind {
	case 'Q':
		m.sql = first
		m.points = append(pointsOf(first), Any)
	case 'P': // the statement's name, its text
		sql, _ := text(rest)
		s[first] = message{sql: sql, points: extendedPointsOf(sql)}
	case 'B': // the portal, the statement's name
		name, _ := text(rest)
		m.sql, m.points = s[name].sql, append(s[name].points, Any)
	case 'C':
		if len(first) > 0 && first[0] == 'S' {
			delete(s, first[1:])
		}
	}
}

// text returns the string up to the first zero byte and what follows it, or all of b if what is looked at has none.
func text(b []byte) (string, []byte) {
	before, after, _ := bytes.Cut(b, []byte{0})
	return string(before), after
}

// commits finds COMMIT as a statement; ON COMMIT is none.
var commits = regexp.MustCompile(`(?i)(^|;)\s*COMMIT\s*(;|$)`)

// pointsOf tells what a Query of the writer is. It goes by what a text has to
// contain to do its work.
func pointsOf(sql string) (points []Point) {
	has := func(s string) bool { return strings.Contains(sql, s) }
	if has("PREPARE ingot_log") {
		return []Point{Setup}
	}
	if has("pg_logical_emit_message") {
		return []Point{Fence}
	}
	if has("EXECUTE ingot_log") || has("INSERT INTO ingot.batches") {
		points = append(points, Log)
	}
	if commits.MatchString(sql) {
		points = append(points, Commit)
	}
	if has("COPY ingot.events") {
		points = append(points, Direct)
	}
	return append(points, extendedPointsOf(sql)...)
}

// pointsAside are the points of a message on a connection that writes no batches. Queries for pages look like the
// writer's look-up there, and a COMMIT is that of a subscription.
func (m message) pointsAside() []Point {
	switch {
	case !m.at(Any):
		return nil
	case strings.Contains(m.sql, "FROM ingot."):
		return []Point{Read, Any}
	}
	return []Point{Any}
}

// extendedPointsOf tells what a prepared statement is.
func extendedPointsOf(sql string) []Point {
	has := func(s string) bool { return strings.Contains(sql, s) }
	switch {
	case has("INSERT INTO ingot.events"):
		return []Point{Merge}
	case has("unnest(") && has("ingot.events"):
		return []Point{LookUp}
	}
	return nil
}
