package event

import (
	"iter"
	"time"
)

// Group is the events of one request: they share one batch and so one fate.
type Group struct {
	Events     []Event
	ReceivedAt time.Time // UTC; when the request was taken in
}

// Each walks the events of groups, in order, and numbers them from 0 on.
func Each(groups []Group) iter.Seq2[int, *Event] {
	return func(yield func(at int, e *Event) bool) {
		at := 0
		for g := range groups {
			events := groups[g].Events
			for i := range events {
				if !yield(at, &events[i]) {
					return
				}
				at++
			}
		}
	}
}

// Batch is what one transaction writes.
type Batch struct {
	Groups   []Group
	Suspects []bool // for each event, whether its key is likely to exist already; nil: not known. No result depends on it.
	Brief    bool   // wait only a moment for a key that another transaction holds
	Ahead    func() // called, unless nil, once the store can take the next batch although this one is not answered yet; it writes the next after this one
}

// Storing a group fails in one of three ways: NotStoredError, UnknownError or BadDataError. The store returns
// such an error, the pipeline decides whether to try again or to pass it on, and the HTTP gate turns it into a
// status. There is no fourth way: a group without such an error was committed.

// Reason says why a group was not stored.
type Reason string

const (
	ReasonQueueFull   Reason = "queue_full"  // the queue has no room for it now
	ReasonDraining    Reason = "draining"    // the ingester is stopping
	ReasonExpired     Reason = "expired"     // its deadline passed, or was too near, while no attempt was under way
	ReasonUnavailable Reason = "unavailable" // Postgres cannot be written to now
	ReasonKeyHeld     Reason = "key_held"    // another transaction holds one of its keys
	ReasonUnexplained Reason = "unexplained" // Postgres reports an error that one group may be at fault for, or none
)

// NotStoredError says that the group is certainly not stored and that the same
// group may be tried again.
type NotStoredError struct {
	Reason Reason
	Err    error // what happened, for the log; may be nil
}

func (e *NotStoredError) Error() string { return "not stored: " + string(e.Reason) + suffix(e.Err) }
func (e *NotStoredError) Unwrap() error { return e.Err }

// UnknownError says that COMMIT was sent and that its outcome is not known: the group may be stored or not.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string { return "outcome unknown" + suffix(e.Err) }
func (e *UnknownError) Unwrap() error { return e.Err }

// BadDataError says that Postgres refuses something in the data: nothing is
// stored, and the same data will be refused again.
type BadDataError struct {
	Err error

	// By names what refuses it, if that is a constraint, a trigger or a policy that somebody has added to the
	// tables. It is empty if the decoder should have refused it.
	By string
}

func (e *BadDataError) Error() string { return "data refused by Postgres" + suffix(e.Err) }
func (e *BadDataError) Unwrap() error { return e.Err }

func suffix(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}
