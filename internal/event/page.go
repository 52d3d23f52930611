package event

import "time"

// Stored is an event as it stands in the table.
type Stored struct {
	Event
	Seq        int64     // id column: position within its batch, and roughly over all
	ReceivedAt time.Time // UTC
}

// Query asks for a page of stored events. Zero values do not filter.
type Query struct {
	Topic   string
	Source  string
	EventID string
	Since   time.Time // received_at >= Since
	Until   time.Time // received_at < Until

	Feed     bool   // in commit order (order=asc); otherwise newest first
	Cursor   string // where the page before ended; "" is the beginning
	Limit    int    // events, at least 1
	MaxBytes int    // of payloads and texts; a page holds at least one event all the same
}

// Page is a piece of the answer.
type Page struct {
	Events []Stored
	Next   string // cursor behind this page; "" when nothing can follow (never in feed order)
}

// CursorError says that a cursor cannot be gone on from.
type CursorError struct {
	Gone   bool // it was good once: the log it belongs to was rewound or cut
	Detail string
}

func (e *CursorError) Error() string { return "cursor: " + e.Detail }

// Totals is what the commit log adds up to.
type Totals struct {
	Received int64            // stored + duplicates, over all committed attempts
	Stored   int64            // rows
	Topics   map[string]int64 // rows per topic
}
