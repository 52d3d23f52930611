package event

import (
	"errors"
	"slices"
	"time"
)

// Subscription is a place in the feed that is kept under a name, with the filters it was made with. Events
// behind the committed place are delivered again.
type Subscription struct {
	Name   string   // [a-z0-9._-]{1,64}
	After  string   // where it was asked to begin: "beginning", "now" or a cursor
	Topics []string // sorted, each once; none: all
	Source string   // "": any

	At        Position  // the committed place
	Committed time.Time // when At last moved; zero: it has not moved yet

	LagEvents int64         // how many events lie behind At in the feed, whatever their topic
	Lag       time.Duration // how long ago the oldest of these events was committed
}

// ErrSubscriptionsFull says that there are too many subscriptions to keep one more.
var ErrSubscriptionsFull = errors.New("too many subscriptions")

// Same tells whether two subscriptions were asked for in the same way.
func (s *Subscription) Same(o *Subscription) bool {
	return s.After == o.After && s.Source == o.Source && slices.Equal(s.Topics, o.Topics)
}

// ValidSubscriptionName tells whether a text can name a subscription. The name stands in the path of a URL, and
// clients and proxies take "." and ".." out of paths.
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
