package oracle

import (
	"fmt"
	"time"
)

// Key is what makes two events the same.
type Key struct{ ID, Topic string }

// Fate is what a client was told about one event.
type Fate uint8

// The fates. An attempt is Open while it is under way, which counts as Unknown.
const (
	Open      Fate = iota
	Stored         // told stored
	Duplicate      // told duplicate
	Refused        // certainly not stored: 4xx, 503, invalid, never sent
	Unknown        // 504, or no answer
)

func (f Fate) String() string {
	return [...]string{"open", "stored", "duplicate", "refused", "unknown"}[f]
}

// settled tells whether the event is in the table for certain.
func (f Fate) settled() bool { return f == Stored || f == Duplicate }

// undecided tells whether nobody knows if the event is in the table.
func (f Fate) undecided() bool { return f == Unknown || f == Open }

// Event is what one attempt sends: no two attempts have the same Print.
type Event struct {
	Key   Key
	Print uint64 // of all that the row keeps of the event
}

// Attempt is one try at one event.
type Attempt struct {
	Event
	Number  int
	Sending int    // number of the first attempt of the same sending, which is one HTTP request
	Request int    // what the client wants to be stored; a retry is another sending of it
	To      string // the ingester

	Sent, Told     int64 // ticks; 0: not yet
	SentAt, ToldAt time.Time
	Fate           Fate
	Answer         string // as the client names it
	During         string // the fault that was on when the answer came
}

func (a *Attempt) String() string {
	s := fmt.Sprintf("attempt %d (request %d, sending %d) to %s: sent %s tick %d", a.Number, a.Request, a.Sending, a.To, clock(a.SentAt), a.Sent)
	if a.Told > 0 {
		s += fmt.Sprintf(", told %s tick %d: %v (%s)", clock(a.ToldAt), a.Told, a.Fate, a.Answer)
	} else {
		s += ", no answer yet"
	}
	if a.During != "" {
		s += " during " + a.During
	}
	return s
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
