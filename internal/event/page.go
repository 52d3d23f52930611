package event

import (
	"errors"
	"time"
)

// Stored is an event as it stands in the table.
type Stored struct {
	Event
	Position             // its place in the feed; of pages by id (order=desc) only its ID counts
	ReceivedAt time.Time // UTC
}

// Query asks for a page of stored events. Zero values do not filter.
type Query struct {
	Topics  []string // an event must have one of these; none is listed twice
	Source  string
	EventID string
	Since   time.Time // received_at >= Since
	Until   time.Time // received_at < Until

	Feed     bool   // in commit order (order=asc); otherwise newest first
	Cursor   string // where the page before ended; "" is the beginning
	Limit    int    // most events of the page, at least 1
	MaxBytes int    // most bytes of payloads and texts; a page holds at least one event all the same
}

// Page is a piece of the answer to a Query.
type Page struct {
	Events []Stored
	Next   string // cursor behind this page; "" when nothing can follow (never in feed order)

	// In feed order: Next as a position, and whether nothing was committed behind it
	// when the page was read.
	At  Position
	End bool
}

// CursorError says that no page can begin at a cursor.
type CursorError struct {
	Gone   bool   // the cursor was good once, but the log it belongs to was rewound or cut since
	Oldest string // if Gone: the oldest cursor that is good now
	Detail string
}

func (e *CursorError) Error() string { return "cursor: " + e.Detail }

// Totals is what the commit log adds up to.
type Totals struct {
	Received int64            // stored + duplicates, over all committed attempts
	Stored   int64            // rows
	Topics   map[string]int64 // rows per topic, of the topics asked for
}

// ErrTooManyTopics says that there are too many topics to read the counts of all.
var ErrTooManyTopics = errors.New("too many topics")

// Why a subscription to the feed is refused or ends, besides *CursorError.
var (
	ErrFeedFull   = errors.New("too many subscribers")
	ErrFeedClosed = errors.New("the feed is closed")
	ErrCutOff     = errors.New("the subscriber does not read")
)
