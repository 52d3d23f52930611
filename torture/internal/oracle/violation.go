package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// violationsKept bounds the report: the first few tell what happened.
const violationsKept = 8

// attemptsShown is how many attempts of a key a message lists, from the first on.
const attemptsShown = 30

// Violation is a broken rule.
type Violation struct{ Rule, Text string }

func (v Violation) String() string { return v.Rule + ":\n" + v.Text }

// Violate writes down that a rule is broken which the caller, not the History, has judged.
func (h *History) Violate(rule, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keepLocked(Violation{rule, "  " + text})
}

// violateKey writes down that a rule about a key is broken, with all attempts on the key.
func (h *History) violateKey(rule string, k Key, how string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violateLocked(rule, k, how, h.keys[k])
}

func (h *History) violateLocked(rule string, k Key, how string, attempts []*Attempt) {
	var b strings.Builder
	fmt.Fprintf(&b, "  key %q topic %q: %s (fault on now: %s)", k.ID, k.Topic, how, h.during())
	for i, a := range attempts {
		if i == attemptsShown {
			fmt.Fprintf(&b, "\n    and %d more", len(attempts)-i)
			break
		}
		fmt.Fprintf(&b, "\n    %v", a)
	}
	h.keepLocked(Violation{rule, b.String()})
}

func (h *History) keepLocked(v Violation) {
	fmt.Fprintf(h.out, "%d %s violation: %v\n", h.tick, clock(time.Now()), v)
	if len(h.violations) == 0 {
		close(h.broken)
	}
	if len(h.violations) < violationsKept {
		h.violations = append(h.violations, v)
	}
}

// Broken is closed at the first violation.
func (h *History) Broken() <-chan struct{} { return h.broken }

// Violations are the first ones found.
func (h *History) Violations() []Violation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.violations)
}
