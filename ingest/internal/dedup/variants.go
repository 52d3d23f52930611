package dedup

import (
	"fmt"
	"math/rand/v2"

	"ingot/internal/event"
)

// Guesser is the filter that the pipeline's committers ask. Any goroutine may call Stats; one at a time calls the
// rest.
type Guesser interface {
	Suspect(e *event.Event) bool // whether the event's key may exist already; it is kept then, as if it were added
	Add(e *event.Event)          // the event's key exists, or will before Suspect is called for another batch
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
		return fixed(true), nil
	case "always-no":
		return fixed(false), nil
	case "corrupted":
		return corrupted{}, nil
	}
	return nil, fmt.Errorf("there is no filter called %q", name)
}

type fixed bool

func (f fixed) Suspect(*event.Event) bool { return bool(f) }
func (fixed) Add(*event.Event)            {}
func (fixed) Stats() Stats                { return Stats{} }

// corrupted throws a coin.
type corrupted struct{}

func (corrupted) Suspect(*event.Event) bool { return rand.IntN(2) == 0 }
func (corrupted) Add(*event.Event)          {}
func (corrupted) Stats() Stats              { return Stats{} }
