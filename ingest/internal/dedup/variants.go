package dedup

import (
	"fmt"
	"math/rand/v2"

	"ingot/internal/event"
)

// Guesser is the filter that the pipeline's committers ask. Any goroutine may call Stats; one at a time calls the
// rest.
type Guesser interface {
	Suspect(e *event.Event) bool // tells whether the event's key may exist already, and if so keeps it, as Add does
	Add(e *event.Event)          // adds the key of an event, which exists, or will before Suspect is called for another batch
	Stats() Stats
}

// Parse makes the filter that the flag names. It returns nil for "off". Only "on" and
// "off" are for use; the others are wrong on purpose, for the test that no guess changes
// an answer.
func Parse(name string, config Config) (Guesser, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	switch name {
	case "on":
		return New(config), nil
	case "off":
		return nil, nil
	case "always-yes":
		return mistaken(func() bool { return true }), nil
	case "always-no":
		return mistaken(func() bool { return false }), nil
	case "corrupted": // it throws a coin
		return mistaken(func() bool { return rand.IntN(2) == 0 }), nil
	}
	return nil, fmt.Errorf("unknown filter %q", name)
}

// mistaken guesses without a look at the key.
type mistaken func() bool

func (m mistaken) Suspect(*event.Event) bool { return m() }
func (mistaken) Add(*event.Event)            {}
func (mistaken) Stats() Stats                { return Stats{} }
