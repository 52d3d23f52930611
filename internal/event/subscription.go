package event

import (
	"errors"
	"slices"
	"time"
)

// Subscription is a place in the feed that is kept under a name, with filters that
// go with it. What is not committed comes again.
type Subscription struct {
	Name   string   // [a-z0-9._-]{1,64}
	After  string   // where it was asked to begin: "beginning", "now" or a cursor
	Topics []string // sorted, each once; none: all
	Source string   // "": any

	At        Position  // committed up to here
	Committed time.Time // when it last moved; zero: not yet

	LagEvents int64         // in the feed behind At, whatever their topic
	Lag       time.Duration // since the oldest of them was committed
}

// ErrSubscriptionsFull is why one more is not kept.
var ErrSubscriptionsFull = errors.New("too many subscriptions")

// Same tells whether two subscriptions were asked for in the same way.
func (s *Subscription) Same(o *Subscription) bool {
	return s.After == o.After && s.Source == o.Source && slices.Equal(s.Topics, o.Topics)
}

// ValidSubscriptionName tells whether a text can name a subscription. It stands in a path, out of which
// clients and proxies take "." and "..".
func ValidSubscriptionName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(name) >= 1 && len(name) <= 64 && name != "." && name != ".."
}
