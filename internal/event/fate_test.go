package event

import (
	"errors"
	"testing"
)

// TestFates say what has become of a group, and keep what they were made of.
func TestFates(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	for want, err := range map[string]error{
		"not stored: expired: the cause":      &NotStoredError{Reason: ReasonExpired, Err: cause},
		"outcome unknown: the cause":          &UnknownError{Err: cause},
		"data refused by Postgres: the cause": &BadDataError{Err: cause},
	} {
		if err.Error() != want || !errors.Is(err, cause) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (&NotStoredError{Reason: ReasonDraining}); err.Error() != "not stored: draining" {
		t.Error(err)
	}
}

// TestSize counts all that an event holds on to.
func TestSize(t *testing.T) {
	t.Parallel()
	if n := (&Event{ID: "1", Topic: "22", Source: "4444", Payload: "88888888"}).Size(); n != 15 {
		t.Errorf("%d bytes, want 15", n)
	}
}
